use birthgate::apply;
use birthgate::approval::Subject;

use super::apply::{HowArgs, end, show, tell};
use super::approve::SubjectArgs;
use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// Take a packet back, as far as no door is shut
///
/// Runs the undo of each applied step, the last one first, each compared with what was rehearsed. It stops before a step
/// through which no way back was seen. It needs no signature of its own: the way back was rehearsed and signed with the
/// packet.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate undo ./packet --dry-run\n  birthgate undo ./packet --until composite-unique"
)]
pub struct Args {
    #[command(flatten)]
    subject: SubjectArgs,
    /// The last step to take back
    #[arg(long, value_name = "STEP")]
    until: Option<String>,
    /// Take nothing back that leaves a table's columns in another order, instead of a note
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    how: HowArgs,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let (packet, rehearsed) = args.subject.read(connection)?;
    let owners = args.how.owners.owners(connection)?;
    let subject = Subject { packet: &packet, rehearsed: &rehearsed };
    let mut options = args.how.options(args.until, None);
    options.strict_columns = args.strict;
    let applied =
        apply::undo(&connection.database()?, subject, &owners, &options, &mut tell).await?;
    show(output, &applied);
    end("undo", applied, output)
}
