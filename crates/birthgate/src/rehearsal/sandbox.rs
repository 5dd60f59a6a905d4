//! The sandbox: a private PostgreSQL of the same major version with a copy of the schema, where a COMMIT, a
//! slot or a connection to elsewhere does no harm.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt, pin_mut};
use tokio_postgres::Client;

use super::libpq::Libpq;
use super::{Confined, Facts, Options, Rows};
use crate::database::Database;
use crate::effects;
use crate::error::{Doing, Error, Result};
use crate::private_server::{
    Binaries, Folder, Options as ServerOptions, PrivateServer, Search, find_pg_dump,
};
use crate::unprepared::Unprepared;

/// The superuser of a confined sandbox.
const OWN_ROOT: &str = "birthgate_sandbox";
/// How often the size of a confined sandbox is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// A copy of a database on a server of our own.
pub(super) struct Sandbox {
    server: PrivateServer,
    /// How large it may become.
    most_bytes: Option<u64>,
    /// Reached as the role that rehearses.
    pub database: Database,
    /// Reached as its superuser.
    pub root: Database,
}

impl Sandbox {
    /// Makes one. The error says what is missing.
    pub async fn make(
        live: &Database,
        client: &Client,
        facts: &Facts,
        options: &Options,
    ) -> std::result::Result<Sandbox, String> {
        if options.confined.is_some() && options.rows != Rows::None {
            // Their constraints would be checked as its superuser.
            return Err("a confined sandbox has no rows".to_owned());
        }
        let search = Search { major: Some(facts.major), ..options.search.clone() };
        let find = tokio::task::spawn_blocking(move || {
            let binaries = Binaries::find(&search).map_err(|error| error.to_string())?;
            let pg_dump = find_pg_dump(&binaries, &search).map_err(|error| error.to_string())?;
            Ok::<_, String>((binaries, pg_dump))
        });
        let (binaries, pg_dump) = find.await.map_err(|error| error.to_string())??;
        let server = PrivateServer::start(ServerOptions {
            binaries,
            folder: Folder::Temporary(options.folder.clone()),
            disposable: true,
            cache: Some(options.search.cache.clone()).filter(|cache| cache.is_absolute()),
            settings: [
                ("wal_level", "logical"),
                ("max_prepared_transactions", "10"),
                ("track_functions", "all"),
                ("autovacuum", "off"),
                ("log_temp_files", "0"),
                ("temp_file_limit", if options.confined.is_some() { "1GB" } else { "-1" }),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        })
        .await
        .map_err(|error| error.to_string())?;
        let root = match options.confined {
            None => "postgres",
            Some(_) => OWN_ROOT,
        };
        let root = |database: &str| {
            let mut config = server.config(database);
            config.user(root);
            Database::new(config)
        };
        if options.confined.is_some() {
            own_root(&server).await.map_err(|error| error.to_string())?;
        }
        copy(live, client, facts, options, root, &pg_dump)
            .await
            .map_err(|error| format!("the schema could not be copied: {error}"))?;
        let mut config = server.config(&facts.name);
        config.user(&facts.login);
        let database = Database::new(config).map_err(|error| error.to_string())?;
        let root = root(&facts.name).map_err(|error| error.to_string())?;
        let begins_with = size(server.data_folder());
        let most_bytes = options.confined.map(|Confined { most_bytes }| begins_with + most_bytes);
        Ok(Sandbox { server, most_bytes, database, root })
    }

    /// Waits until it is larger than it may be.
    pub async fn outgrown(&self) {
        let Some(most) = self.most_bytes else { return std::future::pending().await };
        // Its folder, and what the server logs beside its data.
        let folder = self.server.data_folder();
        let folder = folder.parent().unwrap_or(folder).to_owned();
        loop {
            tokio::time::sleep(LOOK).await;
            let folder = folder.clone();
            let size = tokio::task::spawn_blocking(move || size(&folder)).await;
            if size.is_ok_and(|size| size > most) {
                return;
            }
        }
    }

    /// Ends it without keeping a thread waiting.
    pub async fn end(self) {
        // What is left of it the next start clears away.
        let _ = self.server.stop().await;
    }
}

/// The bytes of the files below a folder; of those that are there while it looks.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
        .map(|(found, path)| if found.is_dir() { size(&path) } else { found.len() })
        .sum()
}

/// Gives the server a superuser whose name is nobody's in the original.
async fn own_root(server: &PrivateServer) -> Result<()> {
    const DOING: &str = "confining the sandbox";
    let first = Database::new(server.config("postgres"))?.connect().await?;
    first.batch_execute(&format!("CREATE ROLE {OWN_ROOT} SUPERUSER LOGIN")).await.doing(DOING)?;
    drop(first);
    let mut config = server.config("postgres");
    config.user(OWN_ROOT);
    let root = Database::new(config)?.connect().await?;
    root.batch_execute(include_str!("../../sql/rehearsal/sandbox_own_root.sql")).await.doing(DOING)
}

/// Copies roles, schema and rows, all of one snapshot.
async fn copy(
    live: &Database,
    client: &Client,
    facts: &Facts,
    options: &Options,
    as_root: impl Fn(&str) -> Result<Database>,
    pg_dump: &Path,
) -> Result<()> {
    const DOING: &str = "copying into the sandbox";
    let root = as_root("postgres")?.connect().await?;
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    // A statement that is refused makes something that is there already, or another's superuser.
    for row in client.rows(include_str!("../../sql/rehearsal/roles.sql"), &[]).await.doing(DOING)? {
        let _ = root.batch_execute(row.get(0)).await;
    }
    // A role that another database depends on is not dropped here either.
    let elsewhere = include_str!("../../sql/rehearsal/roles_elsewhere.sql");
    let held = client.rows(elsewhere, &[]).await.doing(DOING)?;
    if !held.is_empty() {
        let held: Vec<&str> = held.iter().map(|row| row.get(0)).collect();
        root.batch_execute("CREATE DATABASE birthgate_elsewhere").await.doing(DOING)?;
        let there = as_root("birthgate_elsewhere")?.connect().await?;
        let grant = format!("GRANT USAGE ON SCHEMA public TO {}", held.join(", "));
        there.batch_execute(&grant).await.doing(DOING)?;
    }
    if facts.name != "postgres" {
        root.batch_execute(&format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            quote(&facts.name),
            literal(&facts.encoding),
            literal(&facts.lc_collate),
            literal(&facts.lc_ctype)
        ))
        .await
        .doing("making the sandbox's database")?;
    }
    let there = as_root(&facts.name)?.connect().await?;
    there.batch_execute(&effects::tripwires_sql()).await.doing("laying the sandbox's tripwires")?;

    let snapshot_holder = live.connect().await?;
    snapshot_holder
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .doing(DOING)?;
    let row = snapshot_holder.one_row("SELECT pg_export_snapshot()", &[]).await.doing(DOING)?;
    let libpq = Libpq::reach(live, &options.folder)?;
    let dump = dump(&libpq, facts, pg_dump, row.get(0)).await?;
    // Dumps are scripts for psql, which alone knows two of these lines; and a newer pg_dump sets what an
    // older server does not know.
    let foreign = |line: &str| {
        line.starts_with("\\restrict ")
            || line.starts_with("\\unrestrict ")
            || line == "SET transaction_timeout = 0;" && facts.major < 17
    };
    let schema: String =
        dump.lines().filter(|line| !foreign(line)).flat_map(|line| [line, "\n"]).collect();
    there.batch_execute(&schema).await.doing("restoring the schema in the sandbox")?;
    there
        .batch_execute(&format!("RESET ALL; {}", effects::ways_out_sql()))
        .await
        .doing("shutting the sandbox's ways out")?;
    copy_rows(&snapshot_holder, &there, options.rows).await?;
    there.batch_execute("ANALYZE").await.doing(DOING)?;
    if options.confined.is_some() {
        let sql = include_str!("../../sql/rehearsal/sandbox_confined.sql");
        there.batch_execute(sql).await.doing("confining the sandbox")?;
    }
    Ok(())
}

async fn dump(libpq: &Libpq, facts: &Facts, pg_dump: &Path, snapshot: &str) -> Result<String> {
    let mut command = tokio::process::Command::new(pg_dump);
    command.args([
        "--schema-only",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-tablespaces",
    ]);
    command.arg(format!("--snapshot={snapshot}")).arg(&facts.name);
    command.envs(&libpq.variables);
    let failed = |source| Error::File { path: pg_dump.display().to_string(), source };
    let output = command.kill_on_drop(true).output().await.map_err(failed)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(Error::BadInput(format!("pg_dump: {}", text.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Copies the rows as they are, without firing triggers or checking foreign keys.
async fn copy_rows(from: &Client, to: &Client, rows: Rows) -> Result<()> {
    const DOING: &str = "copying rows into the sandbox";
    let limit = match rows {
        Rows::None | Rows::All => String::new(),
        Rows::Some(count) => format!(" LIMIT {count}"),
    };
    let tables =
        from.rows(include_str!("../../sql/rehearsal/row_tables.sql"), &[]).await.doing(DOING)?;
    to.batch_execute(include_str!("../../sql/rehearsal/sandbox_triggers_off.sql"))
        .await
        .doing(DOING)?;
    for table in tables.iter().filter(|_| rows != Rows::None) {
        let (name, columns): (&str, &str) = (table.get("name"), table.get("columns"));
        let rows = from
            .copy_out(&format!(
                "COPY (SELECT {columns} FROM ONLY {name}{limit}) TO STDOUT (FORMAT binary)"
            ))
            .await
            .doing(DOING)?;
        let sink = to
            .copy_in(&format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)"))
            .await
            .doing(DOING)?;
        pin_mut!(rows, sink);
        while let Some(chunk) = rows.next().await {
            sink.send(chunk.doing(DOING)?).await.doing(DOING)?;
        }
        sink.finish().await.doing(DOING)?;
    }
    for sequence in from
        .rows(include_str!("../../sql/rehearsal/sequence_values.sql"), &[])
        .await
        .doing(DOING)?
    {
        to.batch_execute(sequence.get(0)).await.doing(DOING)?;
    }
    to.batch_execute(include_str!("../../sql/rehearsal/sandbox_triggers_on.sql")).await.doing(DOING)
}
