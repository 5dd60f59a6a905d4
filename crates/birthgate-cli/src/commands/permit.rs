use birthgate::permit::{self, Filter, Permit, Request};
use birthgate::schema;
use clap::Subcommand;
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Permits: one act on one entity, once
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Request a permit
    #[command(
        after_help = "Example:\n  birthgate permit request dot_tools DOT-500 --key order-4711"
    )]
    Request {
        /// The collection
        collection: String,
        /// The entity's code; none leaves it to the database, where the collection allows that
        entity_code: Option<String>,
        /// The code that a rename ends
        #[arg(long, value_name = "CODE")]
        from: Option<String>,
        /// What it permits: birth, retire, rename, or discard (a row without a birth)
        #[arg(long, default_value = "birth")]
        kind: String,
        /// The same key with the same request answers the same permit
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// How many seconds it may wait to be spent [default: as the collection says]
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<f64>,
        /// The role that may spend it [default: the login]
        #[arg(long, value_name = "ROLE")]
        holder: Option<String>,
    },
    /// Reserve a permit, under the stop-conditions
    Reserve {
        /// The permit's number
        id: i64,
    },
    /// Cancel a permit that is not spent
    Cancel {
        /// The permit's number
        id: i64,
        /// Why
        #[arg(long)]
        why: Option<String>,
    },
    /// Move permits that ended long ago to the archive; their keys stay honoured
    #[command(after_help = "Example:\n  birthgate permit archive --older-than 90")]
    Archive {
        /// How many days ago they must have ended
        #[arg(long, value_name = "DAYS")]
        older_than: f64,
    },
    /// List permits, the newest first
    List {
        /// Only of this collection
        #[arg(long)]
        collection: Option<String>,
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
        /// Only those that broke the glass
        #[arg(long)]
        break_glass: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        most: i64,
    },
    /// Show a permit
    Show {
        /// The permit's number
        id: i64,
    },
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let client = connection.database()?.connect().await?;
    schema::require_installed(&client).await?;
    match command {
        Command::Request { collection, entity_code, from, kind, key, ttl, holder } => {
            let request = Request {
                collection,
                entity_code,
                from_entity_code: from,
                kind,
                idempotency_key: key,
                ttl_seconds: ttl,
                holder,
                break_glass: None,
            };
            let id = permit::request(&client, &request).await?;
            output.say(format!(
                "permit {id} is requested; reserve it: birthgate permit reserve {id}"
            ));
            output.result("permit request", json!({ "id": id }))
        }
        Command::Reserve { id } => {
            permit::reserve(&client, id).await?;
            output.say(format!("permit {id} is reserved: its entity may be inserted now"));
            output.result("permit reserve", json!({ "id": id }))
        }
        Command::Cancel { id, why } => {
            permit::cancel(&client, id, why.as_deref()).await?;
            output.say(format!("permit {id} is cancelled"));
            output.result("permit cancel", json!({ "id": id }))
        }
        Command::Archive { older_than } => {
            let moved = permit::archive(&client, older_than * 86_400.0, 10_000).await?;
            output.say(format!("{moved} permits are in the archive now."));
            output.result("permit archive", json!({ "moved": moved }))
        }
        Command::List { collection, state, break_glass, most } => {
            let filter = Filter { collection, state, break_glass, id: None, most };
            let permits = permit::list(&client, &filter).await?;
            output.table(
                &[
                    "ID",
                    "KIND",
                    "STATE",
                    "COLLECTION",
                    "ENTITY",
                    "HOLDER",
                    "REQUESTED",
                    "BREAK-GLASS",
                ],
                permits.iter().map(row).collect(),
            );
            output.result("permit list", permits)
        }
        Command::Show { id } => {
            let filter = Filter { id: Some(id), most: 1, ..Filter::default() };
            let permit = permit::list(&client, &filter)
                .await?
                .pop()
                .ok_or_else(|| CommandError::no(format!("there is no permit {id}")))?;
            output.say(format!(
                "permit {id}: {} of {} in {}, {}",
                permit.kind,
                permit.entity_code.as_deref().unwrap_or("any entity"),
                permit.collection_name,
                permit.state
            ));
            output.say(format!("  requested   {} by {}", permit.requested_at, permit.requester));
            for (what, when) in [
                ("reserved", &permit.reserved_at),
                ("consumed", &permit.consumed_at),
                ("finalized", &permit.finalized_at),
                ("ended", &permit.ended_at),
            ] {
                if let Some(when) = when {
                    output.say(format!("  {what:<11} {when}"));
                }
            }
            if let Some(why) = &permit.ended_why {
                output.say(format!("  because     {why}"));
            }
            output.result("permit show", permit)
        }
    }
}

fn row(permit: &Permit) -> Vec<String> {
    vec![
        permit.id.to_string(),
        permit.kind.clone(),
        permit.state.clone(),
        permit.collection_name.clone(),
        permit.entity_code.clone().unwrap_or("-".to_owned()),
        permit.holder.clone(),
        permit.requested_at.clone(),
        permit.break_glass.clone().unwrap_or_default(),
    ]
}
