use birthgate::apply::journal::Run;
use birthgate::apply::{self, Status};

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// Show where packets stand: applied, stopped, going on, broken off
#[derive(clap::Args, Debug)]
pub struct Args {}

pub async fn run(_: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let status = apply::status(&connection.database()?).await?;
    show(output, &status);
    output.result("status", status)
}

fn show(output: &Output, status: &Status) {
    let identity = &status.identity;
    output.say(format!(
        "database {}, system {}, timeline {}{}",
        identity.database,
        identity.system_identifier,
        identity.timeline,
        if identity.in_recovery { ", a standby" } else { "" }
    ));
    match (&status.head, &identity.instance) {
        (None, _) => output.say("No evidence log: nothing was approved here."),
        (Some(head), Some(instance)) => output.say(format!("instance {instance}; evidence log: {} entries, head {}", head.number, head.hash.get(..16).unwrap_or_default())),
        (Some(_), None) => output.say("\x1b[33mThis is a copy, or was moved: what was signed before does not hold here.\x1b[0m"),
    }
    for flaw in &status.flaws {
        output.say(format!("\x1b[31mthe evidence log is not as it was written\x1b[0m: {flaw}"));
    }
    let rows = status.runs.iter().map(|run| {
        vec![
            run.number.to_string(),
            run.packet.clone(),
            state(run, status),
            run.done.len().to_string(),
            run.next.clone().unwrap_or_else(|| "-".to_owned()),
            run.began.clone(),
        ]
    });
    if !status.runs.is_empty() {
        output.table(&["ENTRY", "PACKET", "STATE", "STEPS DONE", "NEXT", "BEGAN"], rows.collect());
    }
    for run in status.runs.iter().filter(|run| !run.is_finished()) {
        if let Some(open) = &run.open {
            output.say(format!(
                "{}: {} was begun at {} and is not noted as done; apply finds out",
                run.packet, open.step, open.since
            ));
        }
        if let Some(why) = &run.why {
            output.say(format!("{}: {why}", run.packet));
        }
    }
    if let Some(running) = &status.running {
        let waits = running
            .waits_for
            .as_ref()
            .map(|whom| format!("; waits for {whom}"))
            .unwrap_or_default();
        output.say(format!(
            "applying now: {} (pid {}, since {}){waits}",
            running.login, running.pid, running.since
        ));
    }
}

/// What the journal says of it, and whether somebody is at it.
fn state(run: &Run, status: &Status) -> String {
    match (&run.ended, &status.running) {
        (Some(ended), _) => ended.clone(),
        (None, Some(_)) => "going on".to_owned(),
        (None, None) => "broken off".to_owned(),
    }
}
