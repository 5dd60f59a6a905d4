//! The proof that a rehearsal mutated nothing: the live database before and after, and who changed what.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio_postgres::Client;

use super::session::milliseconds;
use super::state::State;
use super::watched::{self, Watched};
use super::{Live, Mutated, Options, Rehearsal, Verdict, Where};
use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::fingerprint::{Look, Tracker};
use crate::plan::Plan;

/// The live database before the rehearsal.
pub(super) struct Entry {
    fingerprint: Fingerprint,
    look: Look,
    state: State,
    /// How long a look takes that finds nothing changed.
    pub look_ms: f64,
    watch: Vec<std::result::Result<String, String>>,
}

impl Entry {
    pub fn root(&self) -> &str {
        &self.fingerprint.root
    }

    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

pub(super) async fn entry(client: &Client, plan: &Plan) -> Result<(Entry, Tracker)> {
    let watch = watched::values(client, &plan.watch).await?;
    let (mut tracker, _) = Tracker::start(client).await?;
    let begun = Instant::now();
    let look = tracker.look(client).await?;
    let look_ms = milliseconds(begun.elapsed());
    let state = State::take(client).await?;
    Ok((Entry { fingerprint: tracker.now().clone(), look, look_ms, watch, state }, tracker))
}

/// Compares the live database with what it was, and tells apart who changed what.
pub(super) async fn exit(
    client: &Client,
    entry: &Entry,
    tracker: &mut Tracker,
    plan: &Plan,
    options: &Options,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    let may_burn: BTreeSet<&String> =
        options.burns.iter().chain(plan.steps.iter().flat_map(|step| &step.burns)).collect();
    let look = tracker.look(client).await?;
    rehearsal.exit.clone_from(&look.root);
    let touched: BTreeSet<String> = rehearsal
        .steps
        .iter()
        .filter(|step| step.seen != Where::Nowhere)
        .flat_map(|step| step.locks.iter().map(|lock| lock.object.clone()))
        .collect();
    let changed = tracker.diff(&entry.look, &look);
    // Our transaction is known to be aborted, and there is no other way from us into the catalogs: what
    // differs was committed by somebody else.
    for difference in &changed {
        let is_ours = rehearsal.changes.contains(&difference.object)
            || touched.iter().any(|object| difference.object.ends_with(object.as_str()));
        if is_ours {
            rehearsal.because(
                Verdict::Incomplete,
                None,
                format!("somebody else changed what the plan touches meanwhile: {difference}; rehearse again"),
            );
        }
    }
    rehearsal.concurrent = changed;

    let values = watched::values(client, &plan.watch).await?;
    let inside = std::mem::take(&mut rehearsal.inside);
    for (at, ((watch, entry), exit)) in plan.watch.iter().zip(&entry.watch).zip(values).enumerate()
    {
        let problem = match (entry, &exit) {
            (Err(why), _) | (_, Err(why)) => Some(format!("could not be looked at: {why}")),
            (Ok(entry), Ok(exit)) if entry != exit => Some(format!("was {entry}, is {exit}")),
            _ => None,
        };
        if let Some(problem) = problem {
            let message = format!("what the packet watches: {} {problem}", watch.name);
            rehearsal.because(Verdict::Incomplete, None, message);
        }
        rehearsal.watch.push(Watched {
            name: watch.name.clone(),
            entry: entry.clone().ok(),
            inside: inside.get(at).cloned().flatten(),
            exit: exit.ok(),
        });
    }

    let state = State::take(client).await?;
    for sequence in &rehearsal.own_sequences.clone() {
        if !state.sees(sequence) {
            rehearsal.mutated = Mutated::Unknown;
            let message =
                format!("it moves the sequence {sequence}, whose position this role may not see");
            rehearsal.because(Verdict::Incomplete, None, message);
        }
    }
    let moved = entry.state.diff(&state);
    let (ours, others): (Vec<_>, Vec<_>) =
        moved.into_iter().partition(|leak| match &leak.sequence {
            // nextval and setval leave a lock until the transaction's end: without it, it was somebody else.
            Some(sequence) => rehearsal.own_sequences.contains(sequence),
            None => false,
        });
    for leak in others {
        // What the sandbox has seen harmless was somebody else's; without one nobody knows.
        if options.live == Live::First && leak.sequence.is_none() {
            let message = format!("{} {}, and it was not seen who did it", leak.object, leak.by);
            rehearsal.because(Verdict::Incomplete, None, message);
            rehearsal.leaks.push(leak);
            continue;
        }
        rehearsal.notes.push(format!("somebody else: {} {}", leak.object, leak.by));
    }
    for leak in ours {
        let may = |sequence: &String| may_burn.contains(sequence);
        if leak.sequence.as_ref().is_some_and(may) {
            if rehearsal.mutated == Mutated::None {
                rehearsal.mutated = Mutated::SequenceGaps;
            }
        } else {
            rehearsal.mutated = Mutated::Yes;
            rehearsal.because(Verdict::Fail, None, format!("{} {}", leak.object, leak.by));
        }
        if !rehearsal.leaks.contains(&leak) {
            rehearsal.leaks.push(leak);
        }
    }
    Ok(())
}
