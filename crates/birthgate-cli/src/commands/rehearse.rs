use std::path::PathBuf;
use std::time::Duration;

use birthgate::Error;
use birthgate::plan::{self, migrations};
use birthgate::rehearsal::{
    self, Door, Live, Mutated, Options, Rehearsal, Rows, StepReport, Verdict, Where,
};

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;
use crate::programs;
use crate::progress::Step;

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
    /// The rows of the sandbox: none, at most N of each table, or all
    #[arg(long, value_name = "none|N|all", default_value = "none", value_parser = rows)]
    rows: Rows,
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
    /// A sequence that may be left with a gap, as schema.name; may be given again
    #[arg(long, value_name = "SEQUENCE")]
    burns: Vec<String>,
    /// Rehearse steps too that the tool's own table says are applied
    #[arg(long)]
    applied_too: bool,
    /// The folder with the programs of PostgreSQL for the sandbox
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
    /// Print Markdown, for a pull request
    #[arg(long)]
    markdown: bool,
}

fn rows(text: &str) -> std::result::Result<Rows, String> {
    match text {
        "none" => Ok(Rows::None),
        "all" => Ok(Rows::All),
        count => count.parse().map(Rows::Some).map_err(|_| "none, all or a number".to_owned()),
    }
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let mut plan = match plan::read(&args.paths) {
        Err(Error::Unreadable(problems)) => {
            // Nothing was run, and the reader of a JSON document is to know that as well.
            let name = args.paths[0].display().to_string();
            output.result("rehearse", Rehearsal::of_unreadable(&name, &problems))?;
            return Err(Error::Unreadable(problems).into());
        }
        plan => plan?,
    };
    let database = connection.database()?;
    if !args.applied_too {
        let client = database.connect().await?;
        let applied = migrations::leave_out_applied(&mut plan, &client).await?;
        if !applied.is_empty() {
            eprintln!("{} applied already, left out; {} pending", applied.len(), plan.steps.len());
        }
    }
    let options = Options {
        rows: args.rows,
        live: match (args.live_first, args.sandbox_only) {
            (true, _) => Live::First,
            (_, true) => Live::Never,
            _ => Live::AfterSandbox,
        },
        max_block: Duration::from_millis(args.max_block),
        max_time: Duration::from_secs(args.max_time),
        burns: args.burns,
        search: programs::search(None, args.pg_bin),
        folder: std::env::temp_dir(),
    };
    let step = Step::begin(&format!("rehearsing {}", plan.name));
    let rehearsal = rehearsal::rehearse(&database, &plan, &options).await;
    step.end();
    let rehearsal = rehearsal?;
    if args.markdown {
        println!("{}", markdown(&rehearsal));
    } else {
        show(output, &rehearsal);
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

/// One screen: what happens to whom.
fn show(output: &Output, rehearsal: &Rehearsal) {
    let word = word(rehearsal.verdict);
    let colour = match rehearsal.verdict {
        Verdict::Pass => 32,
        Verdict::Fail => 31,
        Verdict::Incomplete => 33,
    };
    output.say(format!("\x1b[1;{colour}m{word}\x1b[0m  {}", rehearsal.plan));
    output.table(
        &["STEP", "WHERE", "MS", "ROWS", "OTHERS WAIT", "WAY BACK"],
        rehearsal.steps.iter().map(row).collect(),
    );
    for reason in &rehearsal.reasons {
        output.say(format!("{}: {}", self::word(reason.verdict), told(reason)));
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
    match (&reason.place, &reason.step) {
        (Some(place), _) => format!("{place}: {}", reason.message),
        (None, Some(step)) => format!("{step}: {}", reason.message),
        (None, None) => reason.message.clone(),
    }
}

fn row(step: &StepReport) -> Vec<String> {
    // An index is waited for only through its table.
    let waits = step
        .locks
        .iter()
        .filter(|lock| lock.hurts() && !lock.is_index())
        .map(|lock| format!("{}: {}", lock.object, lock.blocks))
        .collect::<Vec<_>>()
        .join("; ");
    let mut waits = if waits.is_empty() { "nobody".to_owned() } else { waits };
    if !step.rewrites.is_empty() {
        waits = format!("{waits} (rewrites {})", step.rewrites.join(", "));
    }
    let seen = match step.seen {
        Where::Live => "live".to_owned(),
        Where::Clone => "live, on clones".to_owned(),
        Where::Sandbox if step.stand_in => "sandbox; its stand-in live".to_owned(),
        Where::Sandbox => format!("sandbox: {}", step.why),
        Where::Nowhere => "nowhere".to_owned(),
    };
    vec![
        step.id.clone(),
        seen,
        format!("{:.1}", step.duration_ms),
        step.rows.to_string(),
        waits,
        match &step.door {
            Door::TwoWay => "yes".to_owned(),
            Door::ShutBy { step } => format!("shut by {step}"),
            Door::OneWay => "none".to_owned(),
            Door::Unknown => "not tried".to_owned(),
        },
    ]
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Incomplete => "INCOMPLETE",
    }
}

fn mutated(mutated: Mutated) -> &'static str {
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
        "### Rehearsal: {}\n\n`{}`\n\n| step | where | ms | rows | others wait | way back |\n|---|---|---|---|---|---|\n",
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
