use std::net::SocketAddr;

use birthgate_server::mcp::{Mcp, Setup};
use clap::Parser;

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::log::{self, Log};
use crate::output::Output;
use crate::stop::stopped;
use crate::{programs, token};

/// Serve agents over the Model Context Protocol: read, request and reserve permits, admit, rehearse in a sandbox
///
/// On stdin and stdout, or with --listen as streamable HTTP at /mcp. An agent does everything as the database role of the
/// connection, and what that role may not, the database refuses; docs/mcp.md says which role to make. Nothing here approves,
/// signs, applies, accepts drift or breaks glass. birthgate.toml says the rest: [mcp].
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  birthgate mcp --database-url postgresql://agent@db/app\n  birthgate mcp --listen 127.0.0.1:7448\n  birthgate mcp --listen 0.0.0.0:7448   # takes a token: birthgate mcp --new-token"
)]
pub struct Args {
    /// Listen there instead of on stdin; beyond loopback it takes a token
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// How the log on stderr is written; RUST_LOG says how much of it
    #[arg(long, value_name = "FORM", default_value = "text")]
    log: Log,
    /// Make a token, print it with what birthgate.toml is to say of it, and end
    #[arg(long, conflicts_with = "listen")]
    new_token: bool,
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    if args.new_token {
        return token::new_token("mcp", output);
    }
    let file = connection.config_file()?;
    let evidence = file.evidence_folder();
    let config = file.mcp;
    if let Some(problem) = config.problem() {
        return Err(CommandError::usage(format!("birthgate.toml: {problem}")));
    }
    let has_token = config.token_sha256.is_some();
    let mcp = Mcp::new(Setup {
        database: connection.database()?,
        evidence,
        config,
        folder: connection.config_folder(),
        search: programs::search(None, None),
        scratch: std::env::temp_dir(),
    });
    // What a client does wrong is told to the client.
    log::begin(args.log, "warn,rmcp=error");
    let stop = async {
        // A signal that cannot be heard is no reason to stop.
        if stopped().await.is_err() {
            std::future::pending().await
        }
    };
    let Some(listen) = args.listen else {
        return Ok(mcp.speak(stop).await?);
    };
    token::needed(listen, has_token, "mcp")?;
    let listening = mcp.listen(listen).await;
    let listening = listening.map_err(|error| CommandError::usage(format!("{listen}: {error}")))?;
    output.say(format!("Agents are served at http://{}/mcp", listening.address()));
    Ok(listening.run(stop).await?)
}
