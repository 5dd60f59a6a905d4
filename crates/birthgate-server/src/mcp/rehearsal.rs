//! Rehearsing what an agent wrote: in a confined sandbox, one at a time, and in the live database only where an owner has
//! said so.

use std::path::{Component, Path};
use std::time::Duration;

use birthgate::plan::{self, Plan, Watchable, packet};
use birthgate::private_server::{Bounds, Walls};
use birthgate::rehearsal::{self, Live, Options, Rehearsal, Rows};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Mcp;
use super::failure::Failure;
use super::input::{Sql, Text};
use super::output::Told;
use crate::evidence::read;

/// How much a sandbox may write.
const MOST_BYTES: u64 = 1_000_000_000;
/// How many of each are told.
const MOST: usize = 50;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearsePacket {
    /// The packet's folder, below the folder of packets that birthgate.toml names.
    #[schemars(example = &"orders")]
    packet: Text<1, 500>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RehearseSql {
    /// The change, run as psql -f runs a file: each statement by itself, or in the transactions that it makes.
    #[schemars(example = &"ALTER TABLE orders ADD COLUMN note text")]
    sql: Sql,
    /// What undoes it. Without it no way back is looked for.
    #[serde(default)]
    #[schemars(example = &"ALTER TABLE orders DROP COLUMN note")]
    undo: Option<Sql>,
}

#[tool_router(router = rehearsing, vis = "pub(super)")]
impl Mcp {
    /// Rehearse a piece of SQL: run it and undo it in a private copy of the schema, without rows, where nobody may do everything. A change of tables that have rows is INCOMPLETE there; for a PASS an owner must have allowed the live database. FAIL is a FAIL. Nothing is applied.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn rehearse_sql(
        &self,
        Parameters(asked): Parameters<RehearseSql>,
        cancelled: CancellationToken,
    ) -> Result<Json<Told<Rehearsal>>, Failure> {
        let plan =
            read(move || plan::of_text(asked.sql.as_str(), asked.undo.as_ref().map(Sql::as_str)));
        self.rehearse(plan.await?, cancelled).await
    }

    /// Rehearse a packet: a folder with packet.toml, below the folder that birthgate.toml names. The same as rehearse_sql, step by step. Evidence is written by people: birthgate rehearse --evidence.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn rehearse_packet(
        &self,
        Parameters(asked): Parameters<RehearsePacket>,
        cancelled: CancellationToken,
    ) -> Result<Json<Told<Rehearsal>>, Failure> {
        let path = Path::new(asked.packet.as_str());
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Failure::of("bad_input", "a packet is named by its path below the folder of packets, without .. and without a slash before it")
                .next("Name the packet's folder, such as orders."));
        }
        let (root, file) = (self.packets.clone(), self.packets.join(path).join("packet.toml"));
        let there = file.clone();
        if !read(move || Ok(there.is_file())).await? {
            return Err(Failure::not_found(format!("there is no packet {:?}", asked.packet.as_str()))
                .next("A packet is a folder with packet.toml below the folder that birthgate.toml names: [mcp] packets."));
        }
        let packet = read(move || packet::read_below(&root, &file)).await?;
        self.rehearse(packet.plan, cancelled).await
    }
}

impl Mcp {
    async fn rehearse(
        &self,
        mut plan: Plan,
        cancelled: CancellationToken,
    ) -> Result<Json<Told<Rehearsal>>, Failure> {
        let busy = |_| {
            Failure::of("busy", "another rehearsal is going on; there is one at a time")
                .next("Call again when it has ended.")
        };
        let _alone = self.rehearsing.try_acquire().map_err(busy)?;
        let live = if self.config.rehearse_live { Live::AfterSandbox } else { Live::Never };
        // Those queries would run in the live database.
        let watched = plan.watch.len();
        if live == Live::Never {
            plan.watch.retain(|watch| matches!(watch.what, Watchable::Object(_)));
        }
        let left_out = watched - plan.watch.len();
        let options = Options {
            rows: Rows::None,
            live,
            max_block: Duration::from_millis(200),
            max_time: Duration::from_secs(60),
            sandbox_time: Duration::from_secs(300),
            max_clone: 200_000_000,
            burns: Vec::new(),
            search: self.search.clone(),
            folder: self.scratch.clone(),
            observer: Default::default(),
            strict_columns: false,
            confined: true,
            walls: Walls::strongest(Bounds { disk: MOST_BYTES, ..Bounds::default() }),
        };
        let most = self.config.rehearse_time;
        // Whatever ends it, the sandbox ends with it.
        let rehearsed = tokio::select! {
            rehearsed = tokio::time::timeout(most, rehearsal::rehearse(&self.database, &plan, &options)) => rehearsed,
            () = cancelled.cancelled() => {
                return Err(Failure::of("cancelled", "the rehearsal was cancelled").next("Call again."));
            }
        };
        let Ok(rehearsed) = rehearsed else {
            let message =
                format!("the rehearsal took longer than {} s, and was ended", most.as_secs());
            return Err(Failure::of("too_long", message).next("Rehearse less at once."));
        };
        let mut rehearsal = rehearsed?;
        if left_out > 0 {
            rehearsal.notes.push(format!("{left_out} queries that the packet watches were left out: they would run in the live database"));
        }
        bound(&mut rehearsal);
        Ok(Json(Told(rehearsal)))
    }
}

/// Leaves out what there is too much of, and says so.
fn bound(rehearsal: &mut Rehearsal) {
    let mut notes = Vec::new();
    fn first<T>(list: &mut Vec<T>, what: &str, notes: &mut Vec<String>) {
        if list.len() > MOST {
            notes.push(format!("{} more {what} are not told here", list.len() - MOST));
            list.truncate(MOST);
        }
    }
    first(&mut rehearsal.notes, "notes", &mut notes);
    first(&mut rehearsal.reasons, "reasons", &mut notes);
    first(&mut rehearsal.watch, "watched values", &mut notes);
    first(&mut rehearsal.concurrent, "changes of others", &mut notes);
    first(&mut rehearsal.leaks, "leaks", &mut notes);
    first(&mut rehearsal.blocked, "waiting sessions", &mut notes);
    first(&mut rehearsal.steps, "steps", &mut notes);
    for step in &mut rehearsal.steps {
        first(&mut step.statements, &format!("statements of {}", step.id), &mut notes);
        first(&mut step.locks, &format!("locks of {}", step.id), &mut notes);
        first(&mut step.rewrites, &format!("rewrites of {}", step.id), &mut notes);
        for statement in &mut step.statements {
            first(&mut statement.locks, "locks of a statement", &mut notes);
            first(&mut statement.rewrites, "rewrites of a statement", &mut notes);
        }
    }
    notes.truncate(MOST);
    rehearsal.notes.append(&mut notes);
}
