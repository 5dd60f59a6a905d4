//! Builds the estate in the database that `DATABASE_URL` names, says how long each step took,
//! and prints its counts. The argument is the scale, 0.01 if there is none.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use tokio_postgres::NoTls;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(cause) = error.source() {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let scale = std::env::args().nth(1).map_or(Ok(0.01), |scale| scale.parse())?;
    let url = std::env::var("DATABASE_URL")?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    let connection = tokio::spawn(connection);

    let start = Instant::now();
    estate_kb_3a66::build(&client, scale, &mut |label, done, total| {
        println!("{:8.2?} {:3} % {label}", start.elapsed(), 100 * done / total);
    })
    .await?;

    for row in client.query(estate_kb_3a66::COUNTS_SQL, &[]).await? {
        println!("{:30} {:>9}", row.try_get::<_, &str>(0)?, row.try_get::<_, i64>(1)?);
    }
    println!("{:.2?} with the counts", start.elapsed());
    drop(client);
    connection.await??;
    Ok(())
}
