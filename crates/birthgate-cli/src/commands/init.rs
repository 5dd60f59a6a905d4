use std::path::PathBuf;

use birthgate::replication::{self, Replication};
use birthgate::{adoption, schema};
use clap::ValueEnum;
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// Install Birthgate in a database, or bring it up to date
///
/// Creates the schema birthgate and the roles birthgate_owner, _admitter, _registrar, _breakglass,
/// _auditor and _reader, in one transaction. Running it again changes nothing. No user table is
/// touched: see `registry adopt` and `collection govern`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate init --database-url postgresql://dba@db/app\n  birthgate init --print | less\n  pg_dump --schema-only PUBLISHER | psql SUBSCRIBER && birthgate init --replication copy"
)]
pub struct Args {
    /// Print the SQL of a first installation, and do nothing
    #[arg(long)]
    print: bool,
    /// Write a packet that installs Birthgate into this folder, to be rehearsed first, and do nothing
    #[arg(long, value_name = "DIR", conflicts_with = "print")]
    packet: Option<PathBuf>,
    /// What subscriptions bring into this database
    #[arg(long, value_enum, conflicts_with_all = ["print", "packet"])]
    replication: Option<Brought>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Brought {
    /// Everything, the schema birthgate too: their apply passes the gates, until `promote`
    Copy,
    /// Rows of governed tables: their apply is gated like everybody, in the row form
    FanIn,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    if args.print {
        // Wrapped as `init` runs it, so that a printed script does the same.
        println!("BEGIN;\n{}\nCOMMIT;", schema::script(0));
        return Ok(());
    }
    if let Some(folder) = &args.packet {
        adoption::write_init_packet(folder)?;
        output.say(format!("The packet is in {0}: birthgate rehearse {0}", folder.display()));
        return output.result("init", json!({ "packet": folder }));
    }
    let mut client = connection.database()?.connect().await?;
    match args.replication {
        Some(Brought::Copy) => {
            replication::prepare(&mut client, Replication::Copy).await?;
            output.say(
                "This database is a copy: subscriptions pass its gates, everybody else does not.",
            );
            output.say(
                "Subscribe to a publication of all tables, made WITH (publish_via_partition_root).",
            );
            return output.result("init", json!({ "replication": "copy" }));
        }
        Some(Brought::FanIn) => {
            replication::prepare(&mut client, Replication::FanIn).await?;
            output.say("Rows that subscriptions bring are gated here, under permits that their owner holds.");
            return output.result("init", json!({ "replication": "fan-in" }));
        }
        None => {}
    }
    let installed = schema::init(&mut client).await?;
    output.say(match installed.from {
        None => format!("Birthgate is installed, schema version {}.", installed.to),
        Some(from) if from == installed.to => {
            format!("Birthgate was installed already, schema version {from}; its functions are re-applied.")
        }
        Some(from) => format!("Birthgate is brought from schema version {from} to {}.", installed.to),
    });
    output.result("init", installed)
}
