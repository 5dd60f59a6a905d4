//! The sandbox: a private PostgreSQL of the same major version with a copy of the schema, where a COMMIT, a
//! slot or a connection to elsewhere does no harm.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::libpq::Libpq;
use super::quiet::Quiet;
use super::rows::{self, Copied, Need, RowBudget};
use super::twin::{self, Blueprint, LeftOut, NoSandbox, Original, Restorer, Selection, Why};
use super::{Facts, Options, Rehearsal, Rows, Verdict, reach};
use crate::database::Database;
use crate::effects;
use crate::error::{Doing, Result};
use crate::plan::{Plan, Step};
use crate::private_server::{
    self, Binaries, Cache, Cluster, Confinement, Folder, Options as ServerOptions, Passed,
    PrivateServer, Search, find_pg_dump,
};

use crate::script::Script;
use crate::words;

/// The superuser of a sandbox; in the original no role has this name.
const OWN_ROOT: &str = "birthgate_sandbox";

/// The programs that make and fill a sandbox, being looked for.
pub(super) struct Programs(
    JoinHandle<std::result::Result<(Binaries, PathBuf), private_server::Error>>,
);

impl Programs {
    /// Begins to look, beside whatever else there is to do: programs are started for it, or even fetched.
    pub fn look_for(major: u32, search: &Search) -> Programs {
        let search = Search { major: Some(major), ..search.clone() };
        Programs(tokio::task::spawn_blocking(move || {
            let binaries = Binaries::find(&search)?;
            let pg_dump = find_pg_dump(&binaries, &search)?;
            Ok((binaries, pg_dump))
        }))
    }
}

/// Who restores the schema where the kernel confines nothing.
const RESTORER: &str = "birthgate_restorer";

/// A copy of a database on a server of our own.
pub(super) struct Sandbox {
    server: PrivateServer,
    recipe: Recipe,
    limits: Limits,
    /// A connection to the live database, in a transaction of the snapshot of which the schema is.
    snapshot_holder: Client,
    left_out: Vec<LeftOut>,
    copied: Copied,
    /// Reached as the role that rehearses.
    pub database: Database,
    /// Reached as its superuser.
    pub root: Database,
}

/// What a sandbox is made of, however often.
struct Recipe {
    blueprint: Blueprint,
    binaries: Binaries,
    options: Options,
    login: String,
    major: u32,
    /// Whether the plan makes databases.
    makes_databases: bool,
    /// What a session of the live database is asked for, such as `-c search_path=app`.
    session_options: Option<String>,
}

struct Limits {
    time: Duration,
    until: Instant,
}

/// The limit at which a sandbox ended before the plan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// A bound of its server.
    Passed(Passed),
    /// [`Options::sandbox_time`].
    OutOfTime { limit: Duration },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Passed(passed) => write!(f, "the sandbox was ended: {passed}{}", more(*passed)),
            Ended::OutOfTime { limit } => write!(
                f,
                "the sandbox's time limit of {} s was reached; --sandbox-time raises it",
                limit.as_secs_f64()
            ),
        }
    }
}

/// What gives it more.
fn more(passed: Passed) -> &'static str {
    match passed {
        Passed::Disk(_) => "; --sandbox-disk allows more",
        Passed::Memory(_) => "; --sandbox-memory allows more",
        Passed::Processes(_) => "; --sandbox-processes allows more",
    }
}

impl Sandbox {
    /// Makes one, with the rows that [`Rows::Some`] and [`Rows::All`] ask for; [`Rows::Auto`] leaves it empty until
    /// [`Sandbox::fill`].
    pub async fn make(
        live: &Database,
        facts: &Facts,
        programs: Programs,
        plan: &Plan,
        options: &Options,
    ) -> std::result::Result<Sandbox, NoSandbox> {
        if options.confined && options.rows != Rows::None {
            // Their constraints would be checked as its superuser.
            return Err(NoSandbox::RowsOfConfined);
        }
        let until = Instant::now() + options.sandbox_time;
        let make = async {
            let look = async {
                let holder = live.connect_for_others().await?;
                let original = Original::look(&holder, &facts.name).await?;
                let selection = match options.rows {
                    Rows::Some(_) | Rows::All => None,
                    Rows::None | Rows::Auto(_) => Selection::of(&holder, &original, plan).await?,
                };
                Ok::<_, crate::error::Error>((holder, original, selection))
            };
            let (found, looked) = tokio::join!(programs.0, look);
            let (snapshot_holder, original, selection) = looked?;
            let (binaries, pg_dump) = match found {
                Ok(found) => found?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            let makes_databases = plan.steps.iter().flat_map(Step::scripts).any(makes_databases);
            let libpq = Libpq::reach(live, &options.folder)?;
            let (server, blueprint) = tokio::join!(
                start(&binaries, &original, options, makes_databases),
                Blueprint::draw(original.clone(), selection, &libpq, &pg_dump)
            );
            let recipe = Recipe {
                blueprint: blueprint?,
                binaries,
                options: options.clone(),
                login: facts.login.clone(),
                major: facts.major,
                makes_databases,
                session_options: live.config().get_options().map(str::to_owned),
            };
            Sandbox::build(recipe, server?, snapshot_holder, until).await
        };
        match tokio::time::timeout_at(until.into(), make).await {
            Ok(made) => made,
            Err(_) => Err(NoSandbox::OutOfTime(options.sandbox_time)),
        }
    }

    /// Brings it back to what it was before anything ran in it, without rows if it began so.
    pub async fn start_over(self) -> std::result::Result<Sandbox, NoSandbox> {
        let Sandbox { server, recipe, limits, snapshot_holder, .. } = self;
        let (time, until) = (limits.time, limits.until);
        tokio::spawn(server.stop());
        let make = async {
            let Recipe { blueprint, binaries, options, makes_databases, .. } = &recipe;
            let server = start(binaries, &blueprint.original, options, *makes_databases).await?;
            Sandbox::build(recipe, server, snapshot_holder, until).await
        };
        match tokio::time::timeout_at(until.into(), make).await {
            Ok(made) => made,
            Err(_) => Err(NoSandbox::OutOfTime(time)),
        }
    }

    /// Restoring runs code of the database: on functions in indexes, constraints and triggers.
    async fn build(
        recipe: Recipe,
        (server, cluster): (PrivateServer, Cluster),
        snapshot_holder: Client,
        until: Instant,
    ) -> std::result::Result<Sandbox, NoSandbox> {
        let (passed, ended) = (server.passed(), server.passed());
        let made = tokio::select! {
            made = Sandbox::build_within(recipe, (server, cluster), snapshot_holder, until) => made,
            passed = passed => return Err(NoSandbox::Ended(Ended::Passed(passed))),
        };
        match (made, ended.now_or_never()) {
            // The connections were lost for it.
            (Err(_), Some(passed)) => Err(NoSandbox::Ended(Ended::Passed(passed))),
            (made, _) => made,
        }
    }

    async fn build_within(
        recipe: Recipe,
        (server, cluster): (PrivateServer, Cluster),
        snapshot_holder: Client,
        until: Instant,
    ) -> std::result::Result<Sandbox, NoSandbox> {
        let Recipe { blueprint, options, .. } = &recipe;
        let original = &blueprint.original;
        let unwalled = is_unwalled(&server, options);
        let confined = options.confined || unwalled;
        let door = twin::door(&cluster);
        own_root(&server, door, (!confined).then_some(&original.bootstrap)).await?;
        let mut left_out =
            blueprint.found(&as_root(&server, door)?.connect_for_others().await?, &cluster).await?;
        let root = as_root(&server, &original.name)?;
        let there = root.connect_for_others().await?;
        there
            .batch_execute(&effects::tripwires_sql())
            .await
            .doing("laying the sandbox's tripwires")?;
        let strip = include_str!("../../sql/rehearsal/sandbox_confined.sql");
        if unwalled {
            const DOING: &str = "making a role that restores the schema";
            let role = include_str!("../../sql/rehearsal/sandbox_restorer.sql");
            there.batch_execute(&format!("{strip}{role}")).await.doing(DOING)?;
            let mut config = server.config(&original.name);
            config.user(RESTORER);
            let client = Database::new(config)?.connect_for_others().await?;
            let by = Restorer { name: RESTORER, client: &client };
            left_out.extend(blueprint.build(&there, recipe.major, by).await?);
            let done = include_str!("../../sql/rehearsal/sandbox_restored.sql");
            there.batch_execute(done).await.doing(DOING)?;
        } else {
            let name = if confined { OWN_ROOT } else { &original.bootstrap };
            let by = Restorer { name, client: &there };
            left_out.extend(blueprint.build(&there, recipe.major, by).await?);
        }
        there.batch_execute(&blueprint.search_path()).await.doing("copying rows")?;
        let most = match options.rows {
            _ if unwalled => None,
            Rows::None | Rows::Auto(_) => None,
            Rows::Some(count) => Some(Some(count)),
            Rows::All => Some(None),
        };
        let mut copied = Copied::default();
        if let Some(most) = most {
            let quiet = Quiet::begin(&there).await?;
            copied = rows::copy_all(&snapshot_holder, &there, most).await?;
            blueprint.fill_materialized_views(&there, |_| true).await?;
            quiet.end().await?;
        }
        if confined {
            there.batch_execute(strip).await.doing("confining the sandbox")?;
        }
        let mut config = server.config(&original.name);
        config.user(&recipe.login);
        if let Some(asked) = &recipe.session_options {
            config.options(asked);
        }
        let database = Database::new(config)?;
        server.begin_disk_anew();
        let limits = Limits { time: options.sandbox_time, until };
        Ok(Sandbox { server, recipe, limits, snapshot_holder, left_out, copied, database, root })
    }

    /// What of the live database it does not have, although it might have.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// What was left out and bears a name that stands in one of these texts.
    pub fn left_out_of<'a>(&'a self, texts: &[&str]) -> Vec<&'a LeftOut> {
        let named: BTreeSet<String> = texts.iter().flat_map(|text| reach::names(text)).collect();
        let mut told = BTreeSet::new();
        let missing = self.left_out.iter().filter(|one| one.why != Why::NotNeeded);
        missing
            .filter(|one| {
                named.contains(&one.name) && told.insert((&one.object, one.why.to_string()))
            })
            .collect()
    }

    /// Takes it back that something is wrong where the sandbox spoke of what it does not have.
    pub fn excuse(&self, rehearsal: &mut Rehearsal) {
        for reason in &mut rehearsal.reasons {
            let names = reach::names(&reason.message);
            let is_about = |one: &&LeftOut| names.contains(&one.name);
            if let Some(one) = self.left_out.iter().find(is_about)
                && reason.verdict == Verdict::Fail
            {
                reason.verdict = Verdict::Incomplete;
                reason.message =
                    format!("{}; the sandbox lacks {}: {}", reason.message, one.object, one.why);
            }
        }
    }

    /// The rows with which it began.
    pub fn copied(&self) -> &Copied {
        &self.copied
    }

    /// Copies the rows that the plan needs, of the snapshot of which the schema is, and fills materialized views.
    pub async fn fill(&self, need: &Need, budget: RowBudget) -> Result<Copied> {
        let root = self.root.connect_for_others().await?;
        let blueprint = &self.recipe.blueprint;
        root.batch_execute(&blueprint.search_path()).await.doing("copying rows")?;
        let quiet = Quiet::begin(&root).await?;
        let mut copied = rows::copy(&self.snapshot_holder, &root, need, budget).await?;
        // Who asks for everything asks for what the plan can reach.
        copied.tables.retain(|table, _| !blueprint.not_needed.contains(table));
        let has_rows = |tables: &[String]| {
            tables.iter().any(|table| copied.tables.get(table).is_some_and(|one| one.rows() > 0))
        };
        blueprint.fill_materialized_views(&root, has_rows).await?;
        quiet.end().await?;
        // How much is copied has a budget of its own.
        self.server.begin_disk_anew();
        Ok(copied)
    }

    /// Waits until it has reached a limit.
    pub async fn ended(&self) -> Ended {
        tokio::select! {
            passed = self.server.passed() => Ended::Passed(passed),
            () = tokio::time::sleep_until(self.limits.until.into()) => {
                Ended::OutOfTime { limit: self.limits.time }
            }
        }
    }

    /// The options that hold in it. Where the kernel keeps nothing inside, nobody in it may do what reaches out, and it
    /// has no rows: their constraints would be checked as its superuser.
    pub fn in_force(&self, options: &Options) -> Options {
        let mut options = options.clone();
        if is_unwalled(&self.server, &options) {
            options.confined = true;
            options.rows = Rows::None;
        }
        options
    }

    /// How the kernel confines it.
    pub fn confinement(&self) -> Confinement {
        self.server.confinement()
    }

    /// Why the kernel confines it no better.
    pub fn refused(&self) -> &[String] {
        self.server.refused()
    }

    /// Ends it. The live database's snapshot is let go before this returns, the server goes on its own.
    pub async fn end(self) {
        // Where the connection is lost, the snapshot is as well.
        let _ = self.snapshot_holder.batch_execute("ROLLBACK").await;
        // What is left of it the next start clears away.
        tokio::spawn(self.server.stop());
    }
}

/// Whether a script makes databases: then the templates have to be there. No function can.
fn makes_databases(script: &Script) -> bool {
    let words = words::words(&script.text);
    words.windows(2).any(|pair| pair[0].is("create") && pair[1].is("database"))
}

/// Whether walls were asked for, and the kernel has none.
fn is_unwalled(server: &PrivateServer, options: &Options) -> bool {
    server.confinement() == Confinement::None && !options.walls.is_open()
}

/// Starts the server: with one database, or where that is not to be had, as initdb makes it.
async fn start(
    binaries: &Binaries,
    original: &Original,
    options: &Options,
    makes_databases: bool,
) -> std::result::Result<(PrivateServer, Cluster), private_server::Error> {
    // Without a cache initdb makes each.
    let cached = options.search.cache.is_absolute();
    if let Some(single) = original.cluster().filter(|_| cached && !makes_databases) {
        match start_of(binaries, original, options, &single).await {
            // Mostly it does not know the locale.
            Err(private_server::Error::Program { .. }) => {}
            started => return Ok((started?, single)),
        }
    }
    Ok((start_of(binaries, original, options, &Cluster::Whole).await?, Cluster::Whole))
}

async fn start_of(
    binaries: &Binaries,
    original: &Original,
    options: &Options,
    cluster: &Cluster,
) -> std::result::Result<PrivateServer, private_server::Error> {
    let own = [
        ("wal_level", "logical"),
        ("max_prepared_transactions", "10"),
        ("track_functions", "all"),
        ("autovacuum", "off"),
        ("log_temp_files", "0"),
        ("temp_file_limit", if options.confined { "1GB" } else { "-1" }),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut settings: Vec<_> = own.into_iter().chain(original.server_settings()).collect();
    let library = |name: &str| binaries.library(name);
    let preloaded = original.preloaded(|name| library(name).is_some());
    if !preloaded.is_empty() {
        settings.push(("shared_preload_libraries".to_owned(), preloaded.join(",")));
    }
    PrivateServer::start(ServerOptions {
        binaries: binaries.clone(),
        folder: Folder::Temporary(options.folder.clone()),
        disposable: true,
        cache: Some(options.search.cache.clone())
            .filter(|cache| cache.is_absolute())
            .map(|folder| Cache { folder, cluster: cluster.clone() }),
        settings,
        walls: Some(options.walls),
    })
    .await
}

/// Gives the server a superuser whose name is nobody's in the original. The superuser of initdb gets the name that it
/// has in the original; without one, it gets out of the way.
async fn own_root(server: &PrivateServer, door: &str, bootstrap: Option<&String>) -> Result<()> {
    const DOING: &str = "making the sandbox's superuser";
    let first = Database::new(server.config(door))?.connect_for_others().await?;
    first.batch_execute(&format!("CREATE ROLE {OWN_ROOT} SUPERUSER LOGIN")).await.doing(DOING)?;
    drop(first);
    let sql = match bootstrap.map(String::as_str) {
        None => include_str!("../../sql/rehearsal/sandbox_own_root.sql").to_owned(),
        Some("postgres") => return Ok(()),
        Some(name) => format!("ALTER ROLE postgres RENAME TO {}", twin::quote(name)),
    };
    as_root(server, door)?.connect_for_others().await?.batch_execute(&sql).await.doing(DOING)
}

/// Reaches a database of the sandbox as its superuser. No setting of the server or of a database changes these
/// sessions.
fn as_root(server: &PrivateServer, database: &str) -> Result<Database> {
    const PINNED: &str = "-c search_path=pg_catalog,pg_temp -c session_replication_role=origin \
         -c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed \
         -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 \
         -c standard_conforming_strings=on -c check_function_bodies=on -c row_security=on \
         -c client_min_messages=warning";
    let mut config = server.config(database);
    config.user(OWN_ROOT).options(PINNED);
    Database::new(config)
}
