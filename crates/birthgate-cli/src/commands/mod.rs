//! One file a command; its Args doc comment is the help.

mod apply;
mod approve;
mod block;
mod collection;
mod completions;
mod demo;
mod doctor;
mod drift;
mod entity;
mod evidence;
mod fingerprint;
mod handoff;
mod init;
mod man;
mod mcp;
mod owner;
mod packet;
mod permit;
mod preflight;
mod promote;
mod registry;
mod rehearse;
mod serve;
mod signing;
mod status;
mod undo;
mod uninstall;

pub use handoff::Report as HandoffReport;

use clap::Subcommand;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::Args),
    Doctor(doctor::Args),
    Init(init::Args),
    Promote(promote::Args),
    Uninstall(uninstall::Args),
    #[command(subcommand)]
    Registry(registry::Command),
    #[command(subcommand)]
    Collection(collection::Command),
    #[command(subcommand)]
    Permit(permit::Command),
    #[command(subcommand)]
    Entity(entity::Command),
    #[command(subcommand)]
    Block(block::Command),
    Rehearse(rehearse::Args),
    Preflight(preflight::Args),
    Approve(approve::Args),
    Apply(apply::Args),
    Undo(undo::Args),
    Status(status::Args),
    Serve(serve::Args),
    Mcp(mcp::Args),
    #[command(subcommand)]
    Packet(packet::Command),
    #[command(subcommand)]
    Owner(owner::Command),
    #[command(subcommand)]
    Evidence(evidence::Command),
    #[command(subcommand)]
    Drift(drift::Command),
    #[command(subcommand)]
    Handoff(handoff::Command),
    #[command(subcommand)]
    Fingerprint(fingerprint::Command),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Runs it.
    pub async fn run(self, connection: &ConnectionArgs, output: &Output) -> Result {
        match self {
            Command::Demo(args) => demo::run(args, output).await,
            Command::Doctor(args) => doctor::run(args, connection, output).await,
            Command::Init(args) => init::run(args, connection, output).await,
            Command::Promote(args) => promote::run(args, connection, output).await,
            Command::Uninstall(args) => uninstall::run(args, connection, output).await,
            Command::Registry(command) => registry::run(command, connection, output).await,
            Command::Collection(command) => collection::run(command, connection, output).await,
            Command::Permit(command) => permit::run(command, connection, output).await,
            Command::Entity(command) => entity::run(command, connection, output).await,
            Command::Block(command) => block::run(command, connection, output).await,
            Command::Rehearse(args) => rehearse::run(args, connection, output).await,
            Command::Preflight(args) => preflight::run(args, connection, output).await,
            Command::Drift(command) => drift::run(command, connection, output).await,
            Command::Handoff(command) => handoff::run(command, connection, output).await,
            Command::Approve(args) => approve::run(args, connection, output).await,
            Command::Apply(args) => apply::run(args, connection, output).await,
            Command::Undo(args) => undo::run(args, connection, output).await,
            Command::Status(args) => status::run(args, connection, output).await,
            Command::Serve(args) => serve::run(args, connection, output).await,
            Command::Mcp(args) => mcp::run(args, connection, output).await,
            Command::Owner(command) => owner::run(command, connection, output),
            Command::Packet(command) => packet::run(command, connection, output).await,
            Command::Evidence(command) => evidence::run(command, connection, output).await,
            Command::Fingerprint(command) => fingerprint::run(command, connection, output).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }
}
