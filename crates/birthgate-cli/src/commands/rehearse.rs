use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use birthgate::evidence::{self, Evidence, Sources};
use birthgate::plan::{self, Tool};
use birthgate::private_server::{Bounds, Walls};
use birthgate::rehearsal::{
    self, Door, Live, Mutated, Options, Rehearsal, RowBudget, Rows, StepReport, Verdict, Where,
};
use birthgate::script::Place;
use birthgate::{Database, Error, approval, block, evidence_log, key_change, schema};

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;
use crate::programs;
use crate::progress::rehearsal::Progress;
use crate::stop;

/// Run a change and undo it, in a sandbox and in the live database, and prove that nothing happened
///
/// Takes a packet, or the files or the folder of a migration tool as they are: sqitch, dbmate, Flyway,
/// golang-migrate, sqlx, refinery. Nothing need be installed in the database. PASS says that every step
/// and every undo was seen and that the live database is as it was; FAIL, that something does not
/// hold; INCOMPLETE, that not everything could be seen. Exit codes: 0, 3, 4.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate rehearse ./migrations --database-url postgresql://dba@db/app\n  birthgate rehearse V7__orders.sql --rows all --format json\n  birthgate rehearse packet/ --markdown > comment.md"
)]
pub struct Args {
    /// A packet, a folder of migrations, or files in their order
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The rows of the sandbox: those that the plan needs, none, at most N of each table, or all
    #[arg(long, value_name = "auto|none|N|all", default_value = "auto")]
    rows: WhichRows,
    /// How much `--rows auto` may copy, in MB
    #[arg(long, value_name = "MB", default_value_t = 256)]
    row_bytes: u64,
    /// How long `--rows auto` may copy, in seconds
    #[arg(long, value_name = "S", default_value_t = 10)]
    row_time: u64,
    /// Use the live database at once, without a sandbox before it
    #[arg(long, conflicts_with = "sandbox_only")]
    live_first: bool,
    /// Do not run anything in the live database
    #[arg(long)]
    sandbox_only: bool,
    /// How long anybody may wait for the rehearsal, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 200)]
    max_block: u64,
    /// How long the rehearsal in the live database may take, in seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    max_time: u64,
    /// How long the sandbox may take, in seconds
    #[arg(long, value_name = "S", default_value_t = 300)]
    sandbox_time: u64,
    /// How much the sandbox may write, besides the copied rows, in MB
    #[arg(long, value_name = "MB", default_value_t = 20_000)]
    sandbox_disk: u64,
    /// How much memory the sandbox may take, in MB
    #[arg(long, value_name = "MB", default_value_t = 4000)]
    sandbox_memory: u64,
    /// How many processes the sandbox may have
    #[arg(long, value_name = "N", default_value_t = 200)]
    sandbox_processes: u32,
    /// How much of tables may be cloned in the live database, with their indexes, in MB
    #[arg(long, value_name = "MB", default_value_t = 2000)]
    max_clone: u64,
    /// A sequence that may be left with a gap, as schema.name; may be given again
    #[arg(long, value_name = "SEQUENCE")]
    burns: Vec<String>,
    /// Rehearse steps too that the tool's own table says are applied
    #[arg(long)]
    applied_too: bool,
    /// Read the files as this tool does, whatever their names and marks tell
    #[arg(long, value_name = "NAME")]
    tool: Option<Tool>,
    /// Take every file before this one as applied
    #[arg(long, value_name = "FILE", conflicts_with = "applied_too")]
    from: Option<String>,
    /// Take this file as applied; may be given again
    #[arg(long, value_name = "FILE")]
    applied: Vec<String>,
    /// FAIL where an undo leaves a table's columns in another order, instead of a note
    #[arg(long)]
    strict: bool,
    /// The folder with the programs of PostgreSQL for the sandbox
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
    /// Write evidence of a packet's rehearsal below this folder, as its next revision
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "birthgate-evidence")]
    evidence: Option<PathBuf>,
    /// Print Markdown, for a pull request
    #[arg(long)]
    markdown: bool,
}

/// Which rows the sandbox gets.
#[derive(Clone, Copy, Debug)]
enum WhichRows {
    Auto,
    None,
    Some(u64),
    All,
}

impl std::str::FromStr for WhichRows {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<WhichRows, &'static str> {
        match text {
            "auto" => Ok(WhichRows::Auto),
            "none" => Ok(WhichRows::None),
            "all" => Ok(WhichRows::All),
            count => count.parse().map(WhichRows::Some).map_err(|_| "auto, none, all or a number"),
        }
    }
}

impl Args {
    fn rows(&self) -> Rows {
        match self.rows {
            WhichRows::Auto => Rows::Auto(RowBudget {
                bytes: self.row_bytes << 20,
                time: Duration::from_secs(self.row_time),
            }),
            WhichRows::None => Rows::None,
            WhichRows::Some(count) => Rows::Some(count),
            WhichRows::All => Rows::All,
        }
    }
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    // Nothing was run, and the reader of a JSON document is to know that as well.
    let unread = |error: Error| -> Result {
        let problems = match &error {
            Error::Unreadable(problems) => problems.clone(),
            Error::Unready(unready) => vec![unready.problem()],
            _ => return Err(error.into()),
        };
        let name = args.paths[0].display().to_string();
        output.result("rehearse", Rehearsal::of_unreadable(&name, &problems))?;
        Err(error.into())
    };
    let read = match args.tool {
        Some(tool) => plan::read_as(&args.paths, tool),
        None => plan::read(&args.paths),
    };
    let mut plan = match read {
        Err(error) => return unread(error),
        Ok(plan) => plan,
    };
    let database = connection.database()?;
    if !args.applied_too {
        let client = database.connect_for_others().await?;
        match plan.leave_out_applied(&client).await {
            Err(error) => return unread(error),
            Ok(applied) if applied.steps.is_empty() => {}
            Ok(applied) => {
                let (done, pending) = (applied.steps.len(), plan.steps.len());
                eprintln!("{done} applied already, left out; {pending} pending");
            }
        }
    }
    let progress = Progress::begin(&plan);
    if let Some(file) = &args.from {
        plan.from(file)?;
    }
    for file in &args.applied {
        plan.applied(file)?;
    }
    let options = Options {
        rows: args.rows(),
        live: match (args.live_first, args.sandbox_only) {
            (true, _) => Live::First,
            (_, true) => Live::Never,
            _ => Live::AfterSandbox,
        },
        max_block: Duration::from_millis(args.max_block),
        max_time: Duration::from_secs(args.max_time),
        sandbox_time: Duration::from_secs(args.sandbox_time),
        max_clone: args.max_clone * 1_000_000,
        burns: args.burns,
        search: programs::search(None, args.pg_bin),
        folder: std::env::temp_dir(),
        observer: progress.observer(),
        strict_columns: args.strict,
        confined: false,
        walls: Walls::strongest(Bounds {
            disk: args.sandbox_disk.saturating_mul(1_000_000),
            memory: args.sandbox_memory.saturating_mul(1_000_000),
            processes: args.sandbox_processes,
        }),
    };
    let rehearsal = tokio::select! {
        rehearsal = rehearsal::rehearse(&database, &plan, &options) => rehearsal,
        stopped = stop::stopped() => {
            progress.end();
            return Err(match stopped {
                Ok(()) => progress.stopped(),
                Err(error) => CommandError::from(Error::File { path: "the signals".to_owned(), source: error }),
            });
        }
    };
    progress.end();
    let rehearsal = rehearsal?;
    let evidence = match &args.evidence {
        Some(root) => Some(write_evidence(root, &args.paths, &database, &rehearsal).await?),
        None => None,
    };
    if args.markdown {
        println!("{}", markdown(&rehearsal));
    } else {
        show(output, &rehearsal);
    }
    if let Some(evidence) = &evidence {
        eprintln!("evidence: {}/index.html", evidence.folder.display());
    }
    let verdict = rehearsal.verdict;
    let message = match verdict {
        Verdict::Pass => return output.result("rehearse", rehearsal),
        Verdict::Fail => "the rehearsal failed",
        Verdict::Incomplete => "not everything could be seen",
    };
    if !args.markdown {
        output.result("rehearse", rehearsal)?;
    }
    Err(CommandError {
        kind: if verdict == Verdict::Fail { Kind::No } else { Kind::Incomplete },
        message: message.to_owned(),
        detail: None,
        hint: None,
    })
}

/// Decides on the packet's key again, and writes everything down.
async fn write_evidence(
    root: &Path,
    paths: &[PathBuf],
    database: &Database,
    rehearsal: &Rehearsal,
) -> Result<Evidence> {
    let file = plan::packet_file(paths)
        .ok_or_else(|| CommandError::usage("evidence is of a packet: birthgate packet import"))?;
    let packet = plan::packet::read(&file)?;
    let client = database.connect_for_others().await?;
    let key = match &packet.key_change {
        Some(key) => {
            let decided = key_change::decide(&client, &key.table, &key.from, &key.to, false);
            Some(decided.await?)
        }
        None => None,
    };
    let dimensions = match schema::installed_version(&client).await? {
        Some(_) => Some(block::list(&client).await?),
        None => None,
    };
    let written = evidence::write(
        root,
        Sources {
            packet: &packet,
            rehearsal,
            key_change: key.as_ref(),
            dimensions: dimensions.as_deref(),
        },
    )?;
    // Where there is an evidence log it is in it, if this role may write there.
    if evidence_log::is_installed(&client).await?
        && let Err(error) = approval::record_rehearsal(
            &client,
            &packet,
            &written.id,
            &written.hash,
            &written.status,
        )
        .await
    {
        eprintln!("the rehearsal is not in the database's evidence log: {error}");
    }
    Ok(written)
}

/// One screen: what happens to whom.
pub(super) fn show(output: &Output, rehearsal: &Rehearsal) {
    let word = word(rehearsal.verdict);
    let colour = match rehearsal.verdict {
        Verdict::Pass => 32,
        Verdict::Fail => 31,
        Verdict::Incomplete => 33,
    };
    output.say(format!("\x1b[1;{colour}m{word}\x1b[0m  {}", rehearsal.plan));
    let seen = match (rehearsal.verdict, rehearsal.mutated) {
        (Verdict::Pass, Mutated::None) => {
            "was run and undone, and nothing in the database was changed"
        }
        (Verdict::Pass, _) => "was run and undone, and nothing but declared sequences was moved",
        (Verdict::Fail, _) => "does not hold; what is below must be mended",
        (Verdict::Incomplete, _) => "could not be seen whole; what is missing is below",
    };
    let steps = match rehearsal.steps.len() {
        1 => "1 step".to_owned(),
        count => format!("{count} steps"),
    };
    output.say(format!("A change of {steps} {seen}.\n"));
    output.table(
        &["STEP", "WHERE", "MS", "ROWS", "WHO WAITS", "WAY BACK"],
        rehearsal.steps.iter().map(row).collect(),
    );
    for step in rehearsal.steps.iter().filter(|step| step.seen == Where::Sandbox) {
        output.say(format!("{} in the sandbox only: {}", step.id, step.why));
    }
    if let Some(confinement) = rehearsal.sandbox {
        output.say(format!("sandbox: {confinement}"));
    }
    for reason in &rehearsal.reasons {
        output.say(format!("{}: {}", self::word(reason.verdict), told(reason)));
        if let Some(line) = reason.place.as_ref().and_then(pointed) {
            output.say(line);
        }
    }
    for difference in rehearsal.concurrent.iter().take(5) {
        output.say(format!("somebody else meanwhile: {difference}"));
    }
    for note in &rehearsal.notes {
        output.say(format!("note: {note}"));
    }
    output.say(format!(
        "live database: mutated {}; fingerprint {} before, {} after; others waited {} ms at most",
        mutated(rehearsal.mutated),
        &rehearsal.entry[..12.min(rehearsal.entry.len())],
        &rehearsal.exit[..12.min(rehearsal.exit.len())],
        rehearsal.blocked_ms
    ));
}

fn told(reason: &rehearsal::Reason) -> String {
    let detail = reason.detail.iter().map(|detail| format!(" ({detail})")).collect::<String>();
    match (&reason.place, &reason.step) {
        (Some(place), _) => format!("{place}: {}{detail}", reason.message),
        (None, Some(step)) => format!("{step}: {}{detail}", reason.message),
        (None, None) => format!("{}{detail}", reason.message),
    }
}

/// The line of a file with a caret below the place, as psql shows it.
fn pointed(place: &Place) -> Option<String> {
    const MOST: usize = 160;
    let text = std::fs::read_to_string(&place.path).ok()?;
    let line = text.lines().nth(place.line.checked_sub(1)?)?;
    // A long line is shown around the place.
    let skipped = place.column.saturating_sub(MOST / 2);
    let shown: String = line.chars().skip(skipped).take(MOST).collect();
    let before: String = line
        .chars()
        .skip(skipped)
        .take((place.column - 1).saturating_sub(skipped))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    Some(format!("  {shown}\n  {before}^"))
}

/// Who would wait for a step, at its worst: for which table, and for how many more. An index is waited for only
/// through its table.
fn waits(step: &StepReport) -> String {
    let locks = step.locks.iter().filter(|lock| lock.hurts() && !lock.is_index());
    let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for lock in locks {
        let who = match lock.blocks.starts_with("everything, ") {
            true => "everybody",
            false => "writers",
        };
        let known = tables.entry(who).or_default();
        if !known.contains(&lock.object.as_str()) {
            known.push(&lock.object);
        }
    }
    // "everybody" sorts before "writers", and is worse.
    let Some((who, tables)) = tables.first_key_value() else { return "nobody".to_owned() };
    let more = match tables.len() {
        1 => String::new(),
        count => format!(" +{}", count - 1),
    };
    let rewrites = if step.rewrites.is_empty() { "" } else { ", written anew" };
    format!("{who}: {}{more}{rewrites}", tables[0])
}

fn row(step: &StepReport) -> Vec<String> {
    let seen = match step.seen {
        Where::Live => "live",
        Where::Clone => "clone",
        Where::Sandbox => "sandbox",
        Where::Nowhere => "nowhere",
    };
    vec![
        step.id.clone(),
        seen.to_owned(),
        format!("{:.1}", step.duration_ms),
        step.rows.to_string(),
        waits(step),
        match &step.door {
            Door::TwoWay => "yes".to_owned(),
            Door::ShutBy { step } => format!("shut by {step}"),
            Door::OneWay => "none".to_owned(),
            Door::Unknown => "not tried".to_owned(),
        },
    ]
}

pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Incomplete => "INCOMPLETE",
    }
}

pub(super) fn mutated(mutated: Mutated) -> &'static str {
    match mutated {
        Mutated::None => "none",
        Mutated::SequenceGaps => "sequence_gaps",
        Mutated::Yes => "yes",
        Mutated::Unknown => "unknown",
    }
}

fn markdown(rehearsal: &Rehearsal) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let mut text = format!(
        "### Rehearsal: {}\n\n`{}`\n\n| step | where | ms | rows | who waits | way back |\n|---|---|---|---|---|---|\n",
        word(rehearsal.verdict),
        rehearsal.plan
    );
    for step in &rehearsal.steps {
        let cells: Vec<String> = row(step).iter().map(|text| cell(text)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.push('\n');
    for reason in &rehearsal.reasons {
        text.push_str(&format!("- **{}** {}\n", word(reason.verdict), cell(&told(reason))));
    }
    for step in rehearsal.steps.iter().filter(|step| step.seen == Where::Sandbox) {
        text.push_str(&format!("- {} in the sandbox only: {}\n", step.id, cell(&step.why)));
    }
    for note in &rehearsal.notes {
        text.push_str(&format!("- {}\n", cell(note)));
    }
    text.push_str(&format!(
        "\nLive database: mutated **{}**, fingerprint `{}` before and `{}` after.",
        mutated(rehearsal.mutated),
        rehearsal.entry,
        rehearsal.exit
    ));
    text
}
