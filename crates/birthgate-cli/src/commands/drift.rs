use birthgate::ddl_guard::{self, Guard, State};
use birthgate::declaration::Binding;
use birthgate::drift::{self, Baseline, Drift, Takes};
use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;
use tokio_postgres::Client;

use super::signing::{Signing, SigningArgs};
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Gate drift: whether what enforces the gate is what it was when it was found good
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take the first baseline, and make gate_drift a dimension
    ///
    /// It holds every object that enforces the gate, by name, with every attribute. An apply moves it; everything else that
    /// changes the gate is drift. The DDL guard is made first: event triggers that record who changes the schema.
    Baseline {
        /// An action that gate drift blocks; may be given again [default: every action that something blocks already]
        #[arg(long, value_name = "ACTION")]
        blocks: Vec<String>,
        /// Make no event triggers: what changed is found all the same, and nobody says who it was
        #[arg(long)]
        no_ddl_guard: bool,
    },
    /// Compare the gate with its baseline, and store the outcome; exit code 3 when it drifted
    Check,
    /// Say of each difference what it is, since when, who did it or could have, what probably did, and what brings it back
    Explain,
    /// Record who changes the schema, by event triggers: the DDL guard
    ///
    /// It breaks and delays nobody's change. Only a superuser can make it; without it, drift is found by looking alone. It is
    /// part of the baseline: once there is one, take what changes here over with `drift accept`.
    Guard {
        /// Make it or set it right, take it away, or show how it stands
        #[arg(value_enum)]
        what: What,
    },
    /// Take over what drifted, as an owner has signed it
    #[command(
        after_help = "Example:\n  birthgate drift accept --reason 'partition of 2027, CHG-4711' --sign ~/.ssh/id_ed25519"
    )]
    Accept {
        #[command(flatten)]
        takeover: Takeover,
    },
    /// Take over everything, after an upgrade, a restore or a move, as an owner has signed it
    Rebase {
        #[command(flatten)]
        takeover: Takeover,
    },
}

/// What to do with the DDL guard.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum What {
    On,
    Off,
    Show,
}

/// A baseline, and whether the DDL guard stands in it.
#[derive(Serialize)]
struct Taken {
    #[serde(flatten)]
    baseline: Baseline,
    ddl_guard: Option<Guard>,
}

/// Why something is taken over, and who signs it.
#[derive(clap::Args, Debug)]
pub struct Takeover {
    /// Why
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    signing: SigningArgs,
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let client = connection.database()?.connect().await?;
    match command {
        Command::Baseline { blocks, no_ddl_guard } => {
            let blocks = (!blocks.is_empty()).then_some(&blocks[..]);
            // Beside a baseline that is there already it would be drift.
            let is_first = drift::baseline(&client).await?.is_none();
            let ddl_guard = match is_first && !no_ddl_guard {
                true => Some(ddl_guard::install(&client).await?),
                false => None,
            };
            let baseline = drift::take_baseline(&client, blocks).await?;
            output.say(format!("The gate as it is now is its baseline: {}.", &baseline.root[..16]));
            if let Some(guard) = &ddl_guard {
                output.say(in_words(guard));
            }
            output.result("drift baseline", Taken { baseline, ddl_guard })
        }
        Command::Check => {
            let drift = drift::check(&client).await?;
            show(&drift, output);
            end("drift check", &drift, output, &drift)
        }
        Command::Explain => {
            let drift = drift::look(&client).await?;
            let explained = drift::explain(&client, &drift).await?;
            for circumstance in &drift.circumstances {
                output.say(circumstance);
            }
            for finding in &explained.findings {
                output.say(format!("\x1b[1m{}\x1b[0m", finding.object));
                for what in &finding.what {
                    output.say(format!("  {what}"));
                }
                output
                    .say(format!("  probably: {}\n  restore:  {}", finding.cause, finding.restore));
                for seen in &finding.seen {
                    output.say(format!("  recorded: {seen}"));
                }
            }
            if !explained.findings.is_empty() {
                output.say(format!(
                    "\nIt was as the baseline says until {} at least.",
                    explained.after
                ));
                output.say(format!("Who could have: {}.", explained.who_could.join(", ")));
                if let Some(unseen) = &explained.unseen {
                    output.say(format!("Where nothing is recorded: {unseen}."));
                }
            }
            end("drift explain", &drift, output, json!({ "drift": drift, "explained": explained }))
        }
        Command::Guard { what } => guard(what, &client, output).await,
        Command::Accept { takeover } => {
            take_over(takeover, Takes::This, "drift accept", connection, output, &client).await
        }
        Command::Rebase { takeover } => {
            take_over(takeover, Takes::Everything, "drift rebase", connection, output, &client)
                .await
        }
    }
}

fn in_words(guard: &Guard) -> String {
    match guard {
        Guard::Stands => "The DDL guard stands: who changes the schema is recorded.".to_owned(),
        Guard::Polls { why } => {
            format!("There is no DDL guard: {why}. The drift check polls instead.")
        }
    }
}

async fn guard(what: What, client: &Client, output: &Output) -> Result {
    let made = match what {
        What::On => Some(ddl_guard::install(client).await?),
        What::Off => {
            ddl_guard::remove(client).await?;
            None
        }
        What::Show => None,
    };
    let state = ddl_guard::state(client).await?;
    match (&made, &state) {
        (Some(guard), _) => output.say(in_words(guard)),
        (None, State::Stands) => output.say(in_words(&Guard::Stands)),
        (None, State::Absent) => {
            output.say("The DDL guard is off: who changes the schema is not recorded.");
        }
        (None, State::Weakened { how }) => {
            output.say(format!("The DDL guard is weakened: {}.", how.join("; ")));
        }
    }
    // Who changed nothing need not see the baseline.
    let has_changed = !matches!((what, &made), (What::Show, _) | (_, Some(Guard::Polls { .. })));
    let baseline = if has_changed { drift::baseline(client).await? } else { None };
    let drifted = match baseline {
        Some(_) => {
            let differences = drift::look(client).await?.differences;
            differences.iter().any(|one| one.object.starts_with("event trigger birthgate_ddl_"))
        }
        None => false,
    };
    if drifted {
        output.say("It is not so in the baseline; take it over: birthgate drift accept");
    }
    output.result("drift guard", json!({ "made": made, "stands": state, "drifted": drifted }))?;
    match made {
        Some(Guard::Polls { .. }) => Err(CommandError::no("the DDL guard cannot be made")),
        _ => Ok(()),
    }
}

async fn take_over(
    takeover: Takeover,
    takes: Takes,
    command: &str,
    connection: &ConnectionArgs,
    output: &Output,
    client: &Client,
) -> Result {
    let owners = takeover.signing.owners(connection)?;
    let signed = if takeover.signing.brings() {
        takeover.signing.brought()?
    } else {
        let reason = takeover
            .reason
            .filter(|reason| reason.trim().len() >= 10)
            .ok_or_else(|| CommandError::usage("say why, in ten characters or more: --reason"))?;
        let drift = drift::look(client).await?;
        show(&drift, output);
        let declaration = drift::declaration(
            &drift,
            &reason,
            takes,
            &Binding::make(client, takeover.signing.valid_for()).await?,
        )?;
        match takeover.signing.have_signed(
            &declaration,
            "drift.acceptance",
            &format!("birthgate {command}"),
            output,
        )? {
            Signing::Asked(text) => return output.result(command, json!({ "to_sign": text })),
            Signing::Signed(signed) => signed,
        }
    };
    let baseline = drift::accept(client, &owners, &signed, takes).await?;
    output.say(format!("The gate as it is now is its baseline: {}.", &baseline.root[..16]));
    output.result(command, baseline)
}

fn show(drift: &Drift, output: &Output) {
    for circumstance in &drift.circumstances {
        output.say(circumstance);
    }
    for one in &drift.differences {
        output.say(one.to_string());
    }
    match &drift.baseline {
        None => output.say("There is no baseline: birthgate drift baseline"),
        Some(baseline) if drift.differences.is_empty() && drift.circumstances.is_empty() => {
            output.say(format!("The gate is as the baseline of {} says.", baseline.taken_at));
        }
        Some(_) => {}
    }
}

fn end(command: &str, drift: &Drift, output: &Output, result: impl serde::Serialize) -> Result {
    output.result(command, result)?;
    match (&drift.baseline, drift.objects() + drift.circumstances.len()) {
        (None, _) => Err(CommandError::no("there is no baseline")),
        (_, 0) => Ok(()),
        (_, count) => Err(CommandError {
            hint: Some("birthgate drift explain".to_owned()),
            ..CommandError::no(format!("gate drift: {count}"))
        }),
    }
}
