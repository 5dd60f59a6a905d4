use std::time::Duration;

use birthgate::apply::{self, Applied, Ended, Event, Options, Phase};
use birthgate::approval::Subject;

use super::approve::SubjectArgs;
use super::signing::OwnersArgs;
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Carry out a packet that was rehearsed and signed: in order, as far as owners have approved
///
/// Each step is compared with what was rehearsed, before and after, within its own transaction, with short locks. The
/// apply stops before a door that no owner has opened: that is no failure (exit code 0, `ended: stopped`). Killed or
/// disconnected at any moment, it goes on from the journal when it is called again. Connect directly, not through a
/// pooler.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate apply ./packet --dry-run\n  birthgate apply ./packet\n  birthgate apply ./packet --until composite-unique"
)]
pub struct Args {
    #[command(flatten)]
    subject: SubjectArgs,
    /// The last step to carry out
    #[arg(long, value_name = "STEP")]
    until: Option<String>,
    /// A step that was broken off, shows no trace, and that you have found to be done
    #[arg(long, value_name = "STEP", conflicts_with = "not_done")]
    done: Option<String>,
    /// A step that was broken off, shows no trace, and that you have found not to be done
    #[arg(long, value_name = "STEP")]
    not_done: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

/// How steps are carried out, forwards and backwards.
#[derive(clap::Args, Debug)]
pub struct HowArgs {
    /// Check everything, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long anybody may wait for a step, in milliseconds; a step that keeps others waiting for longer is rolled back
    /// and tried again
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    max_block: u64,
    /// How often a step is tried again
    #[arg(long, value_name = "N", default_value_t = 20)]
    attempts: usize,
    #[command(flatten)]
    pub owners: OwnersArgs,
}

impl HowArgs {
    /// As the library takes it.
    pub fn options(&self, until: Option<String>, found: Option<(String, bool)>) -> Options {
        Options {
            until,
            dry_run: self.dry_run,
            found,
            max_block: Duration::from_millis(self.max_block),
            attempts: self.attempts,
            strict_columns: false,
        }
    }
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let (packet, rehearsed) = args.subject.read(connection)?;
    let owners = args.how.owners.owners(connection)?;
    let found = args.done.map(|step| (step, true)).or(args.not_done.map(|step| (step, false)));
    let subject = Subject { packet: &packet, rehearsed: &rehearsed };
    let options = args.how.options(args.until, found);
    let applied =
        apply::apply(&connection.database()?, subject, &owners, &options, &mut tell).await?;
    show(output, &applied);
    end("apply", applied, output)
}

/// Tells on stderr what happens.
pub fn tell(event: &Event<'_>) {
    match event {
        Event::Step { step, phase: Phase::Begins } => eprintln!("\x1b[2m{step} …\x1b[0m"),
        Event::Step { .. } => {}
        Event::Waits { step, whom } => {
            eprintln!("\x1b[33m{step} waits for {}\x1b[0m", whom.join("; "))
        }
        Event::Again { step, why } => eprintln!("\x1b[33m{step}, again: {why}\x1b[0m"),
    }
}

/// The steps, and where the packet stands.
pub fn show(output: &Output, applied: &Applied) {
    output.table(
        &["STEP", "OUTCOME", "MS", "TRIED", "OTHERS WAITED, MS"],
        applied
            .steps
            .iter()
            .map(|step| {
                let number = |value: f64| {
                    if step.attempts == 0 { "-".to_owned() } else { format!("{value:.1}") }
                };
                vec![
                    step.id.clone(),
                    step.outcome.to_owned(),
                    number(step.duration_ms),
                    if step.attempts == 0 { "-".to_owned() } else { step.attempts.to_string() },
                    number(step.blocked_ms),
                ]
            })
            .collect(),
    );
    for note in &applied.notes {
        output.say(format!("note: {note}"));
    }
    let why = applied.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let next = applied.next.as_ref().map(|next| format!("; next: {next}")).unwrap_or_default();
    output.say(format!("ended: {}{why}{next}", applied.ended.word()));
}

/// A step that failed is a no; everything else is as it was asked for.
pub fn end(command: &str, applied: Applied, output: &Output) -> Result {
    let failed = (applied.ended == Ended::Failed).then(|| applied.why.clone().unwrap_or_default());
    output.result(command, applied)?;
    match failed {
        None => Ok(()),
        Some(why) => Err(CommandError {
            hint: Some("birthgate status says where it stands. Mend it and apply again, or take the packet back: birthgate undo".to_owned()),
            ..CommandError::no(why)
        }),
    }
}
