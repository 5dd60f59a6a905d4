use std::path::{Path, PathBuf};
use std::time::Duration;

use birthgate::exposition::Exposition;
use birthgate::handoff::{
    self, Activation, Behind, Governance, Handoff, Since, Stalled, Start, View,
};
use birthgate::{Database, schema};
use birthgate_server::sink::SinkConfig;
use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use crate::connection::{ConnectionArgs, HandoffSection, HandoffStart};
use crate::error::{CommandError, Result};
use crate::output::Output;
use crate::stop::stopped;

/// The handoff: every birth and every change to the registry, to where governance listens
///
/// It reads from outside, and no birth waits for it. birthgate.toml names the sinks: [[handoff.sink]].
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Hand off until it is stopped
    ///
    /// Each sink gets every event at least once, of each entity in order. Until a person has approved, only capture sinks are
    /// served; afterwards all are, from the beginning. Stopping it, or killing it, loses nothing.
    #[command(
        after_help = "Examples:\n  birthgate handoff run\n  birthgate handoff run --once\n  birthgate handoff run --metrics /var/lib/node_exporter/birthgate.prom"
    )]
    Run {
        /// End when each sink has what is there now
        #[arg(long)]
        once: bool,
        /// Write metrics there every two seconds, for a node exporter's textfile collector
        #[arg(long, value_name = "FILE")]
        metrics: Option<PathBuf>,
    },
    /// Show how far each sink is, and whom the fence waits for; exit code 3 when a sink cannot go on
    Status,
    /// Give a sink everything again, from an event or a time on
    ///
    /// Events keep their ids. While `handoff run` serves the sink, it refuses.
    #[command(
        after_help = "Examples:\n  birthgate handoff replay archive --from 2026-11-01T00:00:00Z\n  birthgate handoff replay archive --from birth-1126729-3b1f0c9d2a7e4f55\n  birthgate handoff replay archive --from start"
    )]
    Replay {
        /// The sink
        sink: String,
        /// An event's id, a time (RFC 3339), or `start`
        #[arg(long, value_name = "ID|TIME|start", value_parser = since)]
        from: Since,
    },
}

fn since(text: &str) -> std::result::Result<Since, String> {
    if text == "start" {
        return Ok(Since::Everything);
    }
    if text.starts_with("birth-") || text.starts_with("change-") {
        return Ok(Since::Event(text.to_owned()));
    }
    let time = humantime::parse_rfc3339_weak(text);
    time.map(Since::Time).map_err(|_| "neither an event's id, nor a time, nor `start`".to_owned())
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let config = connection.config_file()?;
    let folder = connection.config_folder();
    let sinks = &config.handoff.sink;
    if sinks.is_empty() {
        return Err(CommandError {
            hint: Some("for example: [[handoff.sink]] name = \"archive\", kind = \"ndjson\", capture = true, folder = \"handoff\"; docs/handoff.md".to_owned()),
            ..CommandError::usage("birthgate.toml names no sink of the handoff")
        });
    }
    if let Some(twice) = sinks.iter().enumerate().find_map(|(at, sink)| {
        sinks[..at].iter().any(|other| other.name == sink.name).then_some(&sink.name)
    }) {
        return Err(CommandError::usage(format!("two sinks are called {twice}")));
    }
    let database = connection.database()?;
    let ospa = config.ospa.clone().unwrap_or_default();
    let start = match config.handoff.start {
        HandoffStart::Everything => Start::Everything,
        HandoffStart::Now => Start::Now,
    };
    match command {
        Command::Run { once, metrics } => {
            let source = source(&database, &config.handoff).await?;
            let mut handoff = Handoff::new(database, source, ospa, start);
            for sink in sinks {
                handoff.add(&sink.name, sink.capture, sink.make(&folder), None);
            }
            serve(handoff, once, metrics.as_deref(), output).await
        }
        Command::Replay { sink, from } => {
            let Some(sink) = sinks.iter().find(|one| one.name == sink) else {
                return Err(CommandError::usage(format!("birthgate.toml names no sink {sink}")));
            };
            let source = source(&database, &config.handoff).await?;
            let client = database.connect().await?;
            schema::require_installed(&client).await?;
            let from = handoff::rewind(&client, &from).await?;
            let mut handoff = Handoff::new(database, source, ospa, start);
            handoff.add(&sink.name, sink.capture, sink.make(&folder), Some(from));
            serve(handoff, true, None, output).await
        }
        Command::Status => status(&database, sinks, &folder, output).await,
    }
}

/// What events call the database.
async fn source(database: &Database, config: &HandoffSection) -> Result<String> {
    match &config.source {
        Some(source) => Ok(source.clone()),
        None => Ok(handoff::source(&database.connect().await?).await?),
    }
}

async fn serve(handoff: Handoff, once: bool, metrics: Option<&Path>, output: &Output) -> Result {
    let (view, governance, statuses) = (handoff.view(), handoff.governance(), handoff.statuses());
    let exposition = || {
        let mut metrics = Exposition::default();
        handoff::metrics(&view.borrow(), &governance.borrow(), &statuses, &mut metrics);
        metrics.text()
    };
    let tell = async {
        let mut told = Vec::new();
        loop {
            let now = problems(&view.borrow(), &governance.borrow(), &statuses);
            for problem in now.iter().filter(|one| !told.contains(*one)) {
                eprintln!("birthgate handoff: {problem}");
            }
            told = now;
            if let Some(path) = metrics
                && let Err(error) = write(path, &exposition())
            {
                eprintln!("birthgate handoff: {}: {error}", path.display());
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    };
    let outcome = tokio::select! {
        outcome = handoff.run(once) => outcome,
        () = tell => Ok(()),
        stopped = stopped() => stopped.map_err(CommandError::from).map(|()| Ok(()))?,
    };
    if let Some(path) = metrics {
        write(path, &exposition())?;
    }
    let mut result = Vec::new();
    for status in &statuses {
        let status = status.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let waits = status.problem.as_ref().map(|problem| format!(": {problem}"));
        output.say(format!(
            "{}: {} events{}",
            status.name,
            status.delivered,
            waits.unwrap_or_default()
        ));
        result.push(status);
    }
    output.result("handoff run", result)?;
    Ok(outcome?)
}

/// A reader of the file sees the whole of it, or that from before.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, path)
}

fn problems(
    view: &View,
    governance: &Governance,
    statuses: &[std::sync::Arc<std::sync::Mutex<handoff::SinkStatus>>],
) -> Vec<String> {
    let mut problems: Vec<String> =
        view.problem.iter().chain(&governance.problem).cloned().collect();
    if let Some(stalled) = &view.stalled {
        problems.extend(
            stalled.holders.iter().map(|holder| format!("the fence waits for {}", who(holder))),
        );
    }
    for status in statuses {
        let status = status.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        problems.extend(status.problem.iter().map(|problem| format!("{}: {problem}", status.name)));
    }
    problems
}

fn who(holder: &handoff::Holder) -> String {
    let since = holder.since.as_deref().unwrap_or("unknown (GRANT pg_read_all_stats shows it)");
    match (&holder.prepared, holder.pid) {
        (Some(gid), _) => format!("the prepared transaction {gid:?}, prepared at {since}"),
        (None, Some(pid)) => format!(
            "pid {pid} ({}, {}), in a transaction since {since}: {}",
            holder.login.as_deref().unwrap_or("?"),
            holder.state.as_deref().unwrap_or("?"),
            holder.query.as_deref().unwrap_or("?").split_whitespace().collect::<Vec<_>>().join(" "),
        ),
        (None, None) => format!("the transaction {}", holder.transaction),
    }
}

/// What `handoff status` says.
#[derive(Serialize, JsonSchema)]
pub struct Report {
    /// Whether governance is active; before that, only capture sinks are served.
    pub active: bool,
    /// The entry of the evidence log in which the handoff began; null before its first run.
    pub began: Option<i64>,
    /// Whom the fence waits for, and for how long, if it is longer than a second.
    pub stalled: Option<Stalled>,
    /// The sinks.
    pub sinks: Vec<SinkReport>,
}

/// What `handoff status` says of a sink.
#[derive(Serialize, JsonSchema)]
pub struct SinkReport {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: String,
    /// Whether it is served before governance is active.
    pub capture: bool,
    /// How far it has come; null where it has nothing.
    pub cursor: Option<String>,
    /// What it lacks.
    pub behind: Option<Behind>,
    /// Why it cannot go on.
    pub problem: Option<String>,
}

async fn status(
    database: &Database,
    sinks: &[SinkConfig],
    folder: &Path,
    output: &Output,
) -> Result {
    let client = database.connect().await?;
    schema::require_installed(&client).await?;
    handoff::ready(&client).await?;
    let Activation { beginning, active } = handoff::activation(&client).await?;
    let mut reports = Vec::new();
    for config in sinks {
        let mut sink = config.make(folder);
        let (mut cursor, mut problem) = (None, None);
        match sink.position().await {
            Ok(found) => cursor = found,
            Err(error) => problem = Some(error.to_string()),
        }
        if let (Some(cursor), None) = (&cursor, &problem) {
            problem = handoff::check(&client, cursor).await.err().map(|error| error.to_string());
        }
        let begun =
            beginning.as_ref().map(|beginning| beginning.cursor.clone()).unwrap_or_default();
        let behind = match &problem {
            None => Some(handoff::behind(&client, cursor.as_ref().unwrap_or(&begun)).await?),
            Some(_) => None,
        };
        reports.push(SinkReport {
            name: config.name.clone(),
            place: sink.place(),
            capture: config.capture,
            cursor: cursor.map(|cursor| cursor.to_string()),
            behind,
            problem,
        });
    }
    let stalled = handoff::stalled(&client).await?;
    output.say(match (&beginning, active) {
        (None, _) => "Nothing was handed off yet: birthgate handoff run".to_owned(),
        (Some(begun), None) => format!(
            "Capture-only: no person has approved yet. Began with entry {} of the evidence log.",
            begun.entry
        ),
        (Some(begun), Some(entry)) => format!(
            "Active since entry {entry} of the evidence log; began with entry {}.",
            begun.entry
        ),
    });
    match &stalled {
        None => output.say("The fence waits for nobody."),
        Some(stalled) => {
            output.say(format!("The fence waits, for {:.0} s so far, for", stalled.seconds));
            for holder in &stalled.holders {
                output.say(format!("  {}", who(holder)));
            }
        }
    }
    let rows = reports.iter().map(|one| {
        let behind = match (&one.problem, &one.behind) {
            (Some(problem), _) => problem.clone(),
            (None, Some(Behind { events: 0, .. })) => "nothing".to_owned(),
            (None, Some(Behind { events, seconds })) => match seconds {
                Some(seconds) => format!("{events} events, {}", age(*seconds)),
                None => format!("{events} events"),
            },
            (None, None) => String::new(),
        };
        let served = if one.capture { "always" } else { "when active" };
        vec![one.name.clone(), served.to_owned(), behind, one.place.clone()]
    });
    output.table(&["SINK", "SERVED", "LACKS", "WHERE"], rows.collect());
    let broken = reports.iter().filter(|one| one.problem.is_some()).count();
    let report = Report {
        active: active.is_some(),
        began: beginning.map(|beginning| beginning.entry),
        stalled,
        sinks: reports,
    };
    output.result("handoff status", report)?;
    match broken {
        0 => Ok(()),
        count => Err(CommandError::no(format!("{count} of the sinks cannot go on"))),
    }
}

fn age(seconds: f64) -> String {
    let whole = Duration::from_secs(seconds as u64);
    let text = humantime::format_duration(whole).to_string();
    // Two units are enough for anybody.
    let text: Vec<&str> = text.split(' ').take(2).collect();
    format!("the oldest {} old", text.join(" "))
}
