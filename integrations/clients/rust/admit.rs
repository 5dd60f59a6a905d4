//! Admitting with sqlx. The connection is what PGHOST, PGUSER and PGDATABASE say.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError};
use sqlx::{Connection, Error, Executor, Postgres};

// ANCHOR: admit
async fn admit(
    database: impl Executor<'_, Database = Postgres>,
    code: &str,
    name: &str,
) -> Result<(), Error> {
    let insert = "INSERT INTO dot_tools (code, name) SELECT $1, $2 FROM birthgate.permit_hold('dot_tools', $1)";
    sqlx::query(insert).bind(code).bind(name).execute(database).await.map(drop)
}
// ANCHOR_END: admit

// ANCHOR: refused
/// What Birthgate refused, if it was Birthgate.
fn refusal(error: &Error) -> Option<&PgDatabaseError> {
    let said: &PgDatabaseError = error.as_database_error()?.try_downcast_ref()?;
    said.code().starts_with("PB").then_some(said) // and message(), detail(), hint()
}
// ANCHOR_END: refused

// ANCHOR: retry
/// Runs a transaction, again where the server says so: 40001 is a serialization failure, 40P01 a deadlock.
async fn again(
    connection: &mut PgConnection,
    work: impl AsyncFn(&mut PgConnection) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut attempt = 1;
    loop {
        let mut transaction = connection.begin().await?;
        let outcome = match work(&mut transaction).await {
            Ok(()) => transaction.commit().await,
            Err(error) => transaction.rollback().await.and(Err(error)),
        };
        let code = outcome
            .as_ref()
            .err()
            .and_then(Error::as_database_error)
            .and_then(|error| error.code());
        match code.as_deref() {
            Some("40001" | "40P01") if attempt < 5 => attempt += 1,
            _ => return outcome,
        }
    }
}
// ANCHOR_END: retry

// ANCHOR: bulk
async fn admit_all(
    connection: &mut PgConnection,
    codes: &[&str],
    names: &[&str],
) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    let reserve =
        "SELECT birthgate.permit_reserve_many(birthgate.permit_request_many('dot_tools', $1))";
    sqlx::query(reserve).bind(codes).execute(&mut *transaction).await?;
    let insert = "INSERT INTO dot_tools (code, name) SELECT * FROM unnest($1, $2)";
    sqlx::query(insert).bind(codes).bind(names).execute(&mut *transaction).await?;
    transaction.commit().await
}
// ANCHOR_END: bulk

/// What the other clients say as well.
pub async fn run(options: PgConnectOptions) -> Result<Vec<String>, Error> {
    let mut said = Vec::new();
    let mut connection = PgConnection::connect_with(&options).await?;
    let unpermitted = "INSERT INTO dot_tools (code, name) VALUES ('DOT-1', 'one')";
    if let Err(error) = connection.execute(unpermitted).await {
        let refusal = refusal(&error).ok_or(error_of(&error))?;
        let (detail, hint) = (refusal.detail().unwrap_or("-"), refusal.hint().unwrap_or("-"));
        said.push(format!("refused:|{}|{}|{detail}|{hint}", refusal.code(), refusal.message()));
    }
    admit(&mut connection, "DOT-1", "one").await?;
    again(&mut connection, async |transaction| {
        admit(transaction, "DOT-40001", "at the second attempt").await
    })
    .await?;
    admit_all(&mut connection, &["DOT-2", "DOT-3"], &["two", "three"]).await?;
    let made = "INSERT INTO orders (note) SELECT $1 FROM birthgate.permit_hold('orders', NULL) RETURNING id";
    let id: i64 = sqlx::query_scalar(made).bind("the first").fetch_one(&mut connection).await?;
    said.push(format!("made:|{id}"));
    let once = "SELECT birthgate.admit('dot_tools', jsonb_build_object('code', $1::text, 'name', $2::text), $3)";
    let mut permits = Vec::new();
    for _ in 0..2 {
        let admit = sqlx::query_scalar::<_, i64>(once).bind("DOT-4").bind("four").bind("key");
        permits.push(admit.fetch_one(&mut connection).await?);
    }
    said.push(format!("once:|{}", if permits[0] == permits[1] { "True" } else { "False" }));
    // A refusal within a savepoint leaves the rest of the transaction as it was.
    let mut transaction = connection.begin().await?;
    admit(&mut *transaction, "DOT-5", "five").await?;
    let mut savepoint = transaction.begin().await?;
    if let Err(error) = savepoint.execute("INSERT INTO dot_tools (code) VALUES ('DOT-6')").await {
        said.push(format!(
            "in a savepoint:|{}",
            refusal(&error).map_or("-", PgDatabaseError::code)
        ));
    }
    savepoint.rollback().await?;
    transaction.commit().await?;
    Ok(said)
}

fn error_of(error: &Error) -> Error {
    Error::Protocol(format!("this is no refusal of Birthgate's: {error}"))
}
