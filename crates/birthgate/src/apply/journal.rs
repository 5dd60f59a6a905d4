//! The journal: what the evidence log says of the applies. A step's entry is written in the step's own transaction, so
//! that the two are never one without the other; a step outside of a transaction is announced before and noted after.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::code;
use crate::evidence_log::Entry;

/// A packet on its way into the database.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Run {
    /// The number of its first entry.
    pub number: i64,
    /// The packet's name.
    pub packet: String,
    /// Its digest.
    pub digest: String,
    /// The hash of the rehearsal that it began with.
    pub rehearsal: String,
    /// The entries of the approvals that it used.
    pub approvals: BTreeSet<i64>,
    /// The steps that are done and not undone, in order.
    pub done: Vec<String>,
    /// A step outside of a transaction that was announced and not noted as done.
    pub open: Option<Open>,
    /// How it ended last: `done`, `stopped`, `failed`, `undone`; `None` while it runs, or when it was broken off.
    pub ended: Option<String>,
    /// Why it ended so.
    pub why: Option<String>,
    /// The step that comes next.
    pub next: Option<String>,
    /// When it began.
    pub began: String,
    /// As whom.
    pub login: String,
}

/// A step that was announced.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Open {
    /// Which.
    pub step: String,
    /// `do` or `undo`.
    pub action: String,
    /// When.
    pub since: String,
}

impl Run {
    /// Whether nothing is left to be done: it went through, or all of it was taken back.
    pub fn is_finished(&self) -> bool {
        matches!(self.ended.as_deref(), Some("done" | "undone"))
    }
}

/// The runs, oldest first.
pub fn runs(log: &[Entry]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for entry in log {
        let body = entry.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let said = |name: &str| body[name].as_str().map(str::to_owned);
        if entry.kind == "apply" && body["run"].is_null() {
            runs.push(Run {
                number: entry.number,
                packet: text("packet"),
                digest: text("digest"),
                rehearsal: text("rehearsal"),
                approvals: numbers(&body["approvals"]),
                done: Vec::new(),
                open: None,
                ended: None,
                why: None,
                next: None,
                began: entry.at.clone(),
                login: entry.login.clone(),
            });
            continue;
        }
        let Some(run) = runs.iter_mut().find(|run| body["run"] == run.number) else { continue };
        match entry.kind.as_str() {
            "apply" | "undo" => {
                run.approvals.extend(numbers(&body["approvals"]));
                (run.ended, run.why, run.next) = (None, None, None);
            }
            "end" => (run.ended, run.why, run.next) = (said("ended"), said("why"), said("next")),
            "step" => {
                let (step, action) = (text("step"), text("action"));
                match text("state").as_str() {
                    "begun" => run.open = Some(Open { step, action, since: entry.at.clone() }),
                    "done" | "recognised" => {
                        run.open = None;
                        if action == "do" {
                            run.done.push(step);
                        } else {
                            run.done.retain(|known| *known != step);
                        }
                    }
                    _ => run.open = None,
                }
            }
            _ => {}
        }
    }
    runs
}

/// What the steps of the runs that began with this rehearsal wrote anew without changing it, done or undone: the newest entry
/// of each name.
pub(crate) fn rewritten(log: &[Entry], rehearsal: &str) -> BTreeMap<String, code::Entry> {
    let mut runs: BTreeSet<i64> = BTreeSet::new();
    let mut found = BTreeMap::new();
    for entry in log {
        let body = entry.json();
        match entry.kind.as_str() {
            "apply" if body["run"].is_null() && body["rehearsal"] == rehearsal => {
                runs.insert(entry.number);
            }
            "step" if body["run"].as_i64().is_some_and(|run| runs.contains(&run)) => {
                for (name, entry) in body["rewritten"].as_object().into_iter().flatten() {
                    if let Ok(entry) = serde_json::from_value(entry.clone()) {
                        found.insert(name.clone(), entry);
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn numbers(value: &serde_json::Value) -> BTreeSet<i64> {
    value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_i64).collect()
}

/// The approvals that runs which are finished have used: they approve nothing more.
pub(crate) fn spent(runs: &[Run]) -> BTreeSet<i64> {
    runs.iter()
        .filter(|run| run.is_finished())
        .flat_map(|run| run.approvals.iter().copied())
        .collect()
}
