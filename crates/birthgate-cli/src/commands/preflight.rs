use birthgate::evidence;
use birthgate::plan::packet;
use birthgate::preflight::{self, Kind, Ospa, Preflight, Subjects};

use super::signing::OwnersArgs;
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Show what stands in the way of a packet, of authority and of engineering, and what clears it
///
/// Found by looking: rehearsal, approvals, what changed since, registrar credentials, scheduler, human approvals,
/// identity decisions, phantoms, gate drift, BLOCK dimensions. Exit code 3 while one blocks the action asked for.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate preflight ./packet\n  birthgate preflight ./packet --action activation"
)]
pub struct Args {
    /// The packet: its folder, or its packet.toml
    packet: std::path::PathBuf,
    /// The evidence of its rehearsal [default: the newest below the evidence folder]
    #[arg(long, value_name = "CHECKPOINT")]
    rehearsal: Option<std::path::PathBuf>,
    /// apply, birth, activation, drift, or an action that a BLOCK dimension names
    #[arg(long, default_value = "apply")]
    action: String,
    #[command(flatten)]
    owners: OwnersArgs,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let config = connection.config_file()?;
    let file = match args.packet.is_dir() {
        true => args.packet.join("packet.toml"),
        false => args.packet.clone(),
    };
    let packet = packet::read(&file)?;
    let folder = match &args.rehearsal {
        Some(path) if path.is_dir() => Some(path.clone()),
        Some(path) => path.parent().map(std::path::Path::to_owned),
        None => evidence::newest(&config.evidence_folder(), &packet.macro_name)?,
    };
    let rehearsed = folder.map(|folder| evidence::read(&folder)).transpose()?;
    // A file that is not there is an answer; one that cannot be read is none.
    let owners = match args.owners.path(connection)?.exists() {
        true => Some(args.owners.owners(connection)?),
        false => None,
    };
    let client = connection.database()?.connect().await?;
    let ospa = config.ospa.unwrap_or_else(Ospa::default);
    let path = args.packet.display().to_string();
    let subjects = Subjects {
        packet: &packet,
        path: &path,
        rehearsed: rehearsed.as_ref(),
        owners: owners.as_ref(),
        ospa: &ospa,
    };
    let blockers = preflight::look(&client, subjects).await?;
    for (kind, title) in [(Kind::Authority, "Authority"), (Kind::Engineering, "Engineering")] {
        let of_kind: Vec<Vec<String>> = blockers
            .iter()
            .filter(|one| one.kind == kind)
            .map(|one| vec![one.blocks.join(", "), one.what.replace('\n', " "), one.clear.clone()])
            .collect();
        match of_kind.is_empty() {
            true => output.say(format!("{title}: nothing stands in the way.\n")),
            false => {
                output.say(format!("{title}:"));
                output.table(&["BLOCKS", "WHAT", "WHAT CLEARS IT"], of_kind);
                output.say("");
            }
        }
    }
    let known = preflight::ACTIONS.contains(&args.action.as_str());
    let blocked = blockers.iter().filter(|one| one.blocks.contains(&args.action)).count();
    output.result(
        "preflight",
        Preflight { action: args.action.clone(), go: blocked == 0, blockers },
    )?;
    match blocked {
        0 if known => {
            output.say(format!("Nothing blocks {}.", args.action));
            Ok(())
        }
        0 => {
            output.say(format!("Nothing that was looked at blocks {}; birthgate block assert {0} judges its dimensions.", args.action));
            Ok(())
        }
        count => Err(CommandError::no(format!("{count} of these block {}", args.action))),
    }
}
