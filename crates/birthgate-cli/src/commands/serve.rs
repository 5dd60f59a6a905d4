use std::net::SocketAddr;

use birthgate::handoff::Start;
use birthgate_server::daemon::{Daemon, ServiceConfig, ServiceName};
use clap::Parser;
use serde_json::json;

use crate::connection::{ConnectionArgs, HandoffStart};
use crate::error::{CommandError, Result};
use crate::log::{self, Log};
use crate::output::Output;
use crate::stop::stopped;
use crate::token;

/// Keep watch: expire permits, count the dimensions, compare the gate with its baseline, hand off; and show it all
///
/// Several may run on one database: one leads, and another takes over when it ends. It outlives restarts of the database.
/// birthgate.toml says the rest: [serve].
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  birthgate serve\n  birthgate serve --listen 0.0.0.0:7447   # takes a token: birthgate serve --new-token\n  birthgate serve --without reconciliation --without retention --log json"
)]
pub struct Args {
    /// Where the page is; beyond loopback it takes a token [default: 127.0.0.1:7447]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A service that is not to run: expiry, retention, reconciliation, dimensions, drift or handoff; may be given again
    #[arg(long, value_name = "SERVICE", value_parser = service)]
    without: Vec<ServiceName>,
    /// How the log is written; RUST_LOG says how much of it
    #[arg(long, value_name = "FORM", default_value = "text")]
    log: Log,
    /// Make a token for the page, print it with what birthgate.toml is to say of it, and end
    #[arg(long, conflicts_with_all = ["listen", "without"])]
    new_token: bool,
}

fn service(text: &str) -> std::result::Result<ServiceName, String> {
    serde_json::from_value(json!(text)).map_err(|error| error.to_string())
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    if args.new_token {
        return token::new_token("serve", output);
    }
    let file = connection.config_file()?;
    let (evidence, allowed_signers) = (file.evidence_folder(), file.named_signers());
    let mut config = file.serve;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(problem) = config.problem() {
        return Err(CommandError::usage(format!("birthgate.toml: {problem}")));
    }
    for service in args.without {
        let without = ServiceConfig { enabled: Some(false), ..ServiceConfig::default() };
        config.service.insert(service, without);
    }
    token::needed(config.listen, config.token_sha256.is_some(), "serve")?;
    log::begin(args.log, "info");
    let listen = config.listen;
    let daemon = Daemon {
        database: connection.database()?,
        evidence,
        allowed_signers,
        config,
        sinks: file.handoff.sink,
        folder: connection.config_folder(),
        source: file.handoff.source,
        ospa: file.ospa.unwrap_or_default(),
        start: match file.handoff.start {
            HandoffStart::Everything => Start::Everything,
            HandoffStart::Now => Start::Now,
        },
    };
    let listening = daemon.listen().await;
    let listening = listening.map_err(|error| CommandError::usage(format!("{listen}: {error}")))?;
    output.say(format!("The page is at http://{}/", listening.address()));
    let stop = async {
        // A signal that cannot be heard is no reason to stop.
        if stopped().await.is_err() {
            std::future::pending().await
        }
    };
    Ok(listening.run(stop).await?)
}
