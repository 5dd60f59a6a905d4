use birthgate::schema;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// Install Birthgate in a database, or bring it up to date
///
/// Creates the schema birthgate and the roles birthgate_owner, _admitter, _registrar, _breakglass,
/// _auditor and _reader, in one transaction. Running it again changes nothing. No user table is
/// touched: see `registry adopt` and `collection govern`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate init --database-url postgresql://dba@db/app\n  birthgate init --print | less"
)]
pub struct Args {
    /// Print the SQL of a first installation, and do nothing
    #[arg(long)]
    print: bool,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    if args.print {
        // Wrapped as `init` runs it, so that a printed script does the same.
        println!("BEGIN;\n{}\nCOMMIT;", schema::script(0));
        return Ok(());
    }
    let mut client = connection.database()?.connect().await?;
    let installed = schema::init(&mut client).await?;
    output.say(match installed.from {
        None => format!("Birthgate is installed, schema version {}.", installed.to),
        Some(from) if from == installed.to => {
            format!("Birthgate was installed already, schema version {from}; its functions are re-applied.")
        }
        Some(from) => format!("Birthgate is brought from schema version {from} to {}.", installed.to),
    });
    output.result("init", installed)
}
