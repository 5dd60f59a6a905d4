//! The token of what listens: shown once, and the configuration has its hash alone.

use std::net::SocketAddr;

use serde_json::json;

use crate::error::{CommandError, Result};
use crate::output::Output;

/// Makes one for a command, which has a section of the configuration.
pub fn new_token(command: &str, output: &Output) -> Result {
    let token = birthgate_server::daemon::new_token();
    output.say(format!("The token, which is nowhere else:\n  {}", token.token));
    output.say(format!("birthgate.toml:\n  [{command}]\n  token_sha256 = \"{}\"", token.sha256));
    output.result(command, json!({ "token": token.token, "token_sha256": token.sha256 }))
}

/// Fails where others than this machine can connect and none is there.
pub fn needed(listen: SocketAddr, is_there: bool, command: &str) -> Result {
    if listen.ip().is_loopback() || is_there {
        return Ok(());
    }
    Err(CommandError {
        hint: Some(format!("birthgate {command} --new-token makes one; or listen on 127.0.0.1")),
        ..CommandError::usage(format!(
            "{listen} can be reached from elsewhere, and birthgate.toml has no {command}.token_sha256"
        ))
    })
}
