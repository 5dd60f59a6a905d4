use std::path::{Path, PathBuf};

use birthgate::plan::packet::{self, Packet};
use birthgate::plan::{self, Plan};
use clap::Subcommand;
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;

/// Packets: a change as steps, each with its undo, its verify and its doors
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a folder with a packet to fill in
    #[command(after_help = "Example:\n  birthgate packet new ./composite-key COMPOSITE_KEY")]
    New {
        /// The folder
        folder: PathBuf,
        /// The packet's name
        name: String,
    },
    /// Make a packet of a migration tool's files
    #[command(after_help = "Example:\n  birthgate packet import ./migrations ./packet ORDERS")]
    Import {
        /// The tool's folder, or a file
        from: PathBuf,
        /// The folder to make
        folder: PathBuf,
        /// The packet's name
        name: String,
    },
    /// Read a packet, and point at what is wrong with it
    Check {
        /// Its folder, or its packet.toml
        packet: PathBuf,
    },
    /// Show a packet's steps and its digest
    Show {
        /// Its folder, or its packet.toml
        packet: PathBuf,
    },
}

pub async fn run(command: Command, _: &ConnectionArgs, output: &Output) -> Result {
    match command {
        Command::New { folder, name } => {
            packet::new(&folder, &name)?;
            made(output, "packet new", &folder)
        }
        Command::Import { from, folder, name } => {
            let plan: Plan = plan::read(&[from])?;
            packet::import(&plan, &folder, &name)?;
            made(output, "packet import", &folder)
        }
        Command::Check { packet } => {
            let read = read(&packet)?;
            let problems = read.plan.problems();
            for problem in &problems {
                output.say(problem.to_string());
            }
            let steps = read.plan.steps.len();
            output.result(
                "packet check",
                json!({ "digest": read.digest, "steps": steps, "problems": problems }),
            )?;
            match problems.len() {
                0 => {
                    output.say(format!("{} steps, digest {}", steps, read.digest));
                    Ok(())
                }
                count => Err(CommandError::no(format!("{count} statements cannot be rehearsed"))),
            }
        }
        Command::Show { packet } => show(output, &read(&packet)?),
    }
}

fn made(output: &Output, command: &str, folder: &Path) -> Result {
    let path = folder.join("packet.toml");
    output.say(format!("{} is made; birthgate packet check {}", path.display(), folder.display()));
    output.result(command, json!({ "packet": path }))
}

fn read(path: &Path) -> Result<Packet> {
    let path = if path.is_dir() { path.join("packet.toml") } else { path.to_owned() };
    packet::read(&path).map_err(|error| CommandError {
        kind: Kind::Usage,
        message: error.to_string(),
        detail: None,
        hint: None,
    })
}

fn show(output: &Output, read: &Packet) -> Result {
    output.say(format!("{}  digest {}", read.macro_name, read.digest));
    let yes = |is: bool, word: &str| if is { word.to_owned() } else { String::new() };
    output.table(
        &["STEP", "DOES", "UNDO", "VERIFY", "DOOR", "STOP"],
        read.plan
            .steps
            .iter()
            .zip(&read.doors)
            .map(|(step, door)| {
                vec![
                    step.id.clone(),
                    format!("{} statements", step.does.statements.len()),
                    yes(step.undo.is_some(), "yes"),
                    yes(step.verify.is_some(), "yes"),
                    yes(door.one_way, "one-way"),
                    yes(door.stop_before, "before"),
                ]
            })
            .collect(),
    );
    output.result(
        "packet show",
        json!({
            "macro": read.macro_name, "next": read.next, "quorum": read.quorum, "digest": read.digest,
            "watch": read.plan.watch, "steps": read.doors,
        }),
    )
}
