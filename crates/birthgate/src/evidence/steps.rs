//! The steps of a rehearsal as data, for whoever shows them: what an apply compares is in the states.

use serde::{Deserialize, Serialize};

use super::Sources;
use super::checkpoint::without_values;
use crate::rehearsal::{Blocked, Door, Where};

/// What was seen of all steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steps {
    /// In order.
    pub steps: Vec<StepSeen>,
    /// Who waited for the rehearsal in the live database, also between its steps; who waited longest first.
    pub blocked: Vec<Blocked>,
}

/// What was seen of a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepSeen {
    /// Its id.
    pub id: String,
    /// Where it was seen last.
    #[serde(rename = "where")]
    pub seen: Where,
    /// Why there.
    pub why: String,
    /// How long its statements took there.
    pub duration_ms: f64,
    /// The way back through it.
    pub door: Door,
    /// Why the apply stops before it until an owner has approved it by name; `None`: it does not.
    pub stops: Option<String>,
    /// The locks beyond those of reading, none of them of an index.
    pub locks: Vec<Held>,
    /// Who waited while it was run in the live database, be it in vain; `None`: it was not run there.
    pub blocked: Option<Vec<Blocked>>,
}

/// A lock that it held to the end of its transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// On what.
    pub object: String,
    /// As PostgreSQL names it.
    pub mode: String,
    /// Which statements of others wait for it.
    pub blocks: String,
}

impl Steps {
    /// Its file among the evidence. Evidence of before there was one has none.
    pub const FILE: &str = "steps.json";

    pub(super) fn of(sources: Sources<'_>) -> Steps {
        let rehearsal = sources.rehearsal;
        let steps = rehearsal.steps.iter().zip(&sources.packet.doors).map(|(step, door)| {
            let locks = step.locks.iter().filter(|lock| lock.is_strong() && !lock.is_index());
            let undone = step.undo.as_ref().is_some_and(|undo| undo.restores);
            StepSeen {
                id: step.id.clone(),
                seen: step.seen,
                why: without_values(&step.why),
                duration_ms: step.duration_ms,
                door: step.door.clone(),
                stops: door.stops(undone).map(str::to_owned),
                locks: locks
                    .map(|lock| Held {
                        object: lock.object.clone(),
                        mode: lock.mode.clone(),
                        blocks: lock.blocks.to_owned(),
                    })
                    .collect(),
                blocked: step.blocked.clone(),
            }
        });
        Steps { steps: steps.collect(), blocked: rehearsal.blocked.clone() }
    }
}
