//! A private server for the cases, a database that each begins with, and psql in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use birthgate::Error;
use birthgate::private_server::{Binaries, Folder, Options, PrivateServer, Search};
use tempfile::TempDir;
use tokio::process::Command;

use super::cases::{Script, Step};
use super::child::{self, Ended, How};
use super::look::Look;
use crate::births::Result;

/// The database that each case is a copy of.
const BASE: &str = "corpus_base";
/// The role that owns it where the cases do not run as a superuser.
const OWNER: &str = "corpus_owner";
/// How often the sessions of a database are counted until they have left, and the time between.
const LOOKS: u32 = 50;
const LOOK: Duration = Duration::from_millis(100);
/// The SQLSTATEs of what no transaction can run.
const OUTSIDE: [&str; 2] = ["25001", "2D000"];

/// The server.
pub struct Ground {
    server: PrivateServer,
    /// Home of the programs, with a folder for their temporary files.
    pub home: TempDir,
    canary: PathBuf,
    pub owner: Option<&'static str>,
    pub limit: Duration,
    /// What of the whole server was seen when the base was made.
    clean: Look,
}

/// What psql said of scripts.
#[derive(Debug)]
pub enum Said {
    Done,
    /// The file, and the server's or psql's message.
    Failed {
        file: String,
        sqlstate: String,
        message: String,
    },
    TooLong {
        file: String,
    },
}

impl Ground {
    pub async fn start(canary: &Path, as_owner: bool, limit: Duration) -> Result<Ground> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let search = Search { path: std::env::split_paths(&path).collect(), ..Search::default() };
        let settings = [
            ("autovacuum", "off"),
            ("max_locks_per_transaction", "256"),
            ("wal_level", "logical"),
            ("checkpoint_timeout", "1d"),
        ];
        let options = Options {
            binaries: Binaries::find(&search).map_err(Error::from)?,
            folder: Folder::Temporary(std::env::temp_dir()),
            disposable: true,
            walls: None,
            cache: Some(std::env::temp_dir().join("birthgate-corpus-cache").into()),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        };
        let server = PrivateServer::start(options).await.map_err(Error::from)?;
        let home = tempfile::Builder::new().prefix("birthgate-corpus-").tempdir()?;
        open_to_all(home.path())?;
        std::fs::create_dir(home.path().join("tmp"))?;
        open_to_all(&home.path().join("tmp"))?;
        let owner = as_owner.then_some(OWNER);
        empty_canary(canary)?;
        let (canary, clean) = (canary.to_owned(), Look::default());
        let ground = Ground { server, home, canary, owner, limit, clean };
        if let Some(owner) = owner {
            ground.admin(&format!("CREATE ROLE {owner} LOGIN")).await?;
        }
        ground.admin(&format!("CREATE DATABASE {BASE} OWNER {}", ground.role())).await?;
        Ok(ground)
    }

    pub async fn stop(self) -> Result<()> {
        Ok(self.server.stop().await.map_err(Error::from)?)
    }

    fn role(&self) -> &'static str {
        self.owner.unwrap_or("postgres")
    }

    /// Runs what comes before the cases, and looks at the server. `past_failures`: a file that fails is left out.
    pub async fn prepare(&mut self, before: &[Step], past_failures: bool) -> Result<Said> {
        let mut said = Said::Done;
        for step in before {
            said = self.run(BASE, std::slice::from_ref(step)).await?;
            if !matches!(said, Said::Done) {
                if !past_failures {
                    break;
                }
                said = Said::Done;
            }
        }
        self.clean = self.look_at_server().await?;
        Ok(said)
    }

    /// Whether nothing outside of the databases of the case, which are gone, is other than before it.
    pub async fn is_clean(&self) -> Result<bool> {
        Ok(self.look_at_server().await? == self.clean)
    }

    /// A copy of the base.
    pub async fn copy(&self, name: &str) -> Result<()> {
        let role = self.role();
        self.admin(&format!("CREATE DATABASE {name} TEMPLATE {BASE} OWNER {role}")).await?;
        let (base, copy) = (format!("base={BASE}"), format!("copy={name}"));
        let sql = include_str!("../../sql/corpus/settings.sql");
        self.ask("postgres", sql, &["-v", &base, "-v", &copy]).await.map(|_| ())
    }

    /// Takes away what a case wrote there.
    pub fn clear_canary(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.canary)?;
        empty_canary(&self.canary)
    }

    pub async fn drop(&self, name: &str) -> Result<()> {
        self.admin(&format!("DROP DATABASE {name} WITH (FORCE)")).await
    }

    /// Makes this database the base.
    pub async fn keep(&mut self, name: &str) -> Result<()> {
        self.drop(BASE).await?;
        self.admin(&format!("ALTER DATABASE {name} RENAME TO {BASE}")).await?;
        self.clean = self.look_at_server().await?;
        Ok(())
    }

    /// How the case is told to reach the database.
    pub fn url(&self, database: &str) -> String {
        let (host, role) = (self.server.socket_folder().display(), self.role());
        format!("host={host} user={role} dbname={database}")
    }

    /// Everything of the live state that is seen from outside.
    pub async fn look(&self, database: &str) -> Result<Look> {
        let mut look = self.look_at_server().await?;
        look.add_lines(
            &self.ask(database, include_str!("../../sql/corpus/database.sql"), &[]).await?,
        );
        look.add_data_folder(self.server.data_folder())?;
        look.add_folder(&self.canary)?;
        Ok(look)
    }

    async fn look_at_server(&self) -> Result<Look> {
        let mut look = Look::default();
        look.add_lines(
            &self.ask("postgres", include_str!("../../sql/corpus/server.sql"), &[]).await?,
        );
        Ok(look)
    }

    /// The rows of a relation that are in one of two databases only, as text: three of each.
    pub async fn changed_rows(
        &self,
        before: &str,
        after: &str,
        relation: &str,
    ) -> Result<Vec<String>> {
        let rows = format!(r#"SELECT "the row"::text FROM ONLY {relation} AS "the row""#);
        // The one that lacks the relation has none.
        let before = self.ask(before, &rows, &[]).await.unwrap_or_default();
        let after = self.ask(after, &rows, &[]).await.unwrap_or_default();
        let lines =
            |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        let (before, after) = (lines(&before), lines(&after));
        let short = |mark: char, line: &String| {
            format!("{mark} {}", line.chars().take(200).collect::<String>())
        };
        let gone = before.difference(&after).take(3).map(|line| short('-', line));
        let new = after.difference(&before).take(3).map(|line| short('+', line));
        Ok(gone.chain(new).collect())
    }

    /// Waits until nobody is connected; answers how many are, after all.
    pub async fn sessions(&self, database: &str) -> Result<u32> {
        let mut count = 0;
        for _ in 0..LOOKS {
            let variable = format!("database={database}");
            let sql = include_str!("../../sql/corpus/sessions.sql");
            count = self.ask("postgres", sql, &["-v", &variable]).await?.trim().parse()?;
            if count == 0 {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(count)
    }

    /// Runs scripts one after the other, as their tool would: each in one transaction where the tool does so
    /// and the statements can bear it.
    pub async fn run(&self, database: &str, steps: &[Step]) -> Result<Said> {
        for step in steps {
            let said = self.run_script(database, &step.file, &step.does, step.transaction).await?;
            if !matches!(said, Said::Done) {
                return Ok(said);
            }
        }
        Ok(Said::Done)
    }

    pub async fn run_script(
        &self,
        database: &str,
        file: &Path,
        script: &Script,
        transaction: bool,
    ) -> Result<Said> {
        let part = self.home.path().join("part.sql");
        let path = match script {
            Script::File(path) => path,
            Script::Part(text) => {
                std::fs::write(&part, text)?;
                &part
            }
        };
        let mut single: &[&str] = if transaction { &["--single-transaction"] } else { &[] };
        loop {
            let mut psql = self.psql(database, self.role());
            psql.args([
                "-q",
                "-o",
                "/dev/null",
                "-v",
                "ON_ERROR_STOP=1",
                "-v",
                "VERBOSITY=verbose",
            ]);
            psql.args(single).arg("-f").arg(path);
            // Its folder, for \i.
            psql.current_dir(path.parent().unwrap_or(Path::new("/")));
            let ended = child::run(psql, self.limit).await?;
            let said = Said::of(&file.display().to_string(), &ended);
            match &said {
                Said::Failed { sqlstate, .. }
                    if !single.is_empty() && OUTSIDE.contains(&&**sqlstate) =>
                {
                    single = &[];
                }
                _ => return Ok(said),
            }
        }
    }

    /// The schema, as pg_dump writes it; a line by line comparison of the sorted lines leaves out the order
    /// of columns.
    pub async fn schema(&self, database: &str) -> Result<Vec<String>> {
        let mut command = child::command(&self.client("pg_dump"), self.home.path());
        command.args(["--schema-only", "--username=postgres", "--dbname", database, "--host"]);
        command.arg(self.server.socket_folder());
        let ended = child::run(command, self.limit).await?;
        if ended.how != How::Exit(0) {
            return Err(format!("pg_dump failed: {}", ended.err).into());
        }
        let mut lines: Vec<String> = ended
            .out
            .lines()
            // \restrict bears a new random token each time.
            .filter(|line| !line.starts_with("--") && !line.starts_with('\\') && !line.is_empty())
            .map(|line| line.trim_end_matches(',').to_owned())
            .collect();
        lines.sort();
        Ok(lines)
    }

    /// A client's program: the server's own, or that in the path where the server came without.
    fn client(&self, name: &str) -> OsString {
        let own = self.server.binaries().program(name);
        if own.is_file() { own.into_os_string() } else { name.into() }
    }

    fn psql(&self, database: &str, role: &str) -> Command {
        let mut command = child::command(&self.client("psql"), self.home.path());
        command.env("PGOPTIONS", "-c client_min_messages=error");
        command.args(["-X", "-U", role, "-d", database, "-h"]).arg(self.server.socket_folder());
        command
    }

    /// What psql prints of a script: values between tabs.
    async fn ask(&self, database: &str, sql: &str, arguments: &[&str]) -> Result<String> {
        let file = self.home.path().join("look.sql");
        std::fs::write(&file, sql)?;
        let mut psql = self.psql(database, "postgres");
        psql.args(["-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]);
        psql.args(arguments).arg("-f").arg(&file);
        let ended = child::run(psql, self.limit * 4).await?;
        match ended.how {
            How::Exit(0) => Ok(ended.out),
            how => Err(format!("looking at {database}: {how:?}: {}", ended.err).into()),
        }
    }

    async fn admin(&self, sql: &str) -> Result<()> {
        self.ask("postgres", sql, &[]).await.map(|_| ())
    }
}

impl Said {
    fn of(file: &str, ended: &Ended) -> Said {
        let file = file.to_owned();
        if let How::Exit(0) = ended.how {
            return Said::Done;
        }
        if let How::TooLong { .. } = ended.how {
            return Said::TooLong { file };
        }
        let mark = ["ERROR:  ", "FATAL:  ", "PANIC:  "]
            .into_iter()
            .find_map(|mark| ended.err.split_once(mark).map(|(_, rest)| rest));
        let (sqlstate, message) = match mark.and_then(|rest| rest.lines().next()) {
            Some(line) => line.split_once(": ").unwrap_or(("", line)),
            None => ("", ended.err.lines().last().unwrap_or("psql failed and said nothing")),
        };
        let (sqlstate, message) = (sqlstate.to_owned(), message.to_owned());
        Said::Failed { file, sqlstate, message }
    }
}

/// An empty folder that all may write to; one with something in it is somebody's.
fn empty_canary(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder)?;
    if std::fs::read_dir(folder)?.next().is_some() {
        return Err(format!("{} is not empty; empty it, or name another", folder.display()).into());
    }
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))?)
}

/// The server's user must be able to go there.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}
