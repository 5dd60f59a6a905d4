//! Where each step is seen after the sandbox: in the live database where that hurts nobody, else there on
//! clones, else nowhere but in the sandbox.

use super::{KeptBack, Options, Rehearsal, Rows, StepReport, Where};
use crate::plan::{Rehearse, Step};
use crate::script::Script;

/// The place of each step; where one is not the live database, its report says why.
pub(super) fn places(steps: &[Step], rehearsal: &mut Rehearsal, options: &Options) -> Vec<Where> {
    let budget = options.max_block.as_secs_f64() * 1e3;
    // Locks are held until the transaction's end: from the first one that hurts, all that follows is waited for.
    let mut exposed = 0.0;
    let comparing = rehearsal.look_ms * 2.0;
    let mut is_whole = true;
    let mut places = Vec::new();
    for (step, report) in steps.iter().zip(&mut rehearsal.steps) {
        let takes = report.duration_ms + report.undo_ms() + comparing + report.content_ms;
        let hurts = report.locks.iter().any(|lock| lock.hurts() && !lock.is_index());
        let (mut place, mut why) = place(step, report, budget, options);
        // Where the sandbox has all rows, the live database would only say again what was seen: not at the
        // price of anybody's waiting.
        if place == Where::Live
            && step.rehearse == Rehearse::Auto
            && matches!(options.rows, Rows::All | Rows::Auto(_))
            && report.lacks.is_none()
        {
            if hurts && !is_whole {
                place = Where::Clone;
                "its locks would hurt, and steps before it are not in the live database"
                    .clone_into(&mut why);
            } else if (exposed > 0.0 || hurts) && exposed + takes > budget {
                place = Where::Clone;
                why = waits(exposed + takes, budget);
            } else if exposed > 0.0 || hurts {
                exposed += takes;
            }
        }
        is_whole &= place == Where::Live;
        if place != Where::Live {
            report.why = why;
        }
        places.push(place);
    }
    // Making clones takes its time, and no lock that hurts is to be held meanwhile.
    let mut clones_follow = false;
    for (at, place) in places.iter_mut().enumerate().rev() {
        let report = &mut rehearsal.steps[at];
        let hurts = report.locks.iter().any(|lock| lock.hurts() && !lock.is_index());
        if *place == Where::Clone {
            clones_follow = true;
        } else if *place == Where::Live
            && hurts
            && clones_follow
            && steps[at].rehearse == Rehearse::Auto
        {
            *place = Where::Clone;
            "its locks would hurt while later steps are run on clones".clone_into(&mut report.why);
        }
    }
    places
}

fn waits(milliseconds: f64, budget: f64) -> String {
    format!("others would wait for {milliseconds:.0} ms, more than {budget:.0} ms")
}

/// The place of a step by itself, and why it is not the live database.
fn place(step: &Step, report: &StepReport, budget: f64, options: &Options) -> (Where, String) {
    let live = (Where::Live, String::new());
    let sandbox = |why: &str| (Where::Sandbox, why.to_owned());
    let outside = || "it runs outside of a transaction".to_owned();
    if let Some(why) = step.scripts().find_map(Script::kept_from_live) {
        return sandbox(why);
    }
    if !step.transaction && step.stand_in.is_none() {
        return (Where::Sandbox, outside());
    }
    if step.transaction && step.undo.as_ref().is_some_and(Script::leaves_the_transaction) {
        return sandbox("its undo runs outside of a transaction");
    }
    // It was seen already, on everything that it touches.
    let is_seen = step.rehearse == Rehearse::Auto
        && matches!(options.rows, Rows::Auto(_))
        && report.lacks.is_none();
    let acts = !step.does.is_of_the_schema_alone()
        || step.does.statements.iter().any(|one| one.writes_figures);
    if is_seen && (acts || report.kept.is_some()) {
        return sandbox("it was seen there on all the rows that it touches");
    }
    match &report.kept {
        Some(KeptBack::FromTables(why)) if step.rehearse != Rehearse::Sandbox => {
            return (Where::Clone, why.clone());
        }
        Some(kept) => return sandbox(kept.why()),
        None => {}
    }
    match step.rehearse {
        Rehearse::Sandbox => sandbox("the packet says so"),
        Rehearse::Clone => (Where::Clone, "the packet says so".to_owned()),
        Rehearse::Live => live,
        // Nobody waits for the step; its stand-in, which is no proof of it, is not to be waited for either.
        Rehearse::Auto if !step.transaction => (Where::Clone, outside()),
        Rehearse::Auto if report.hurting_ms > budget => {
            (Where::Clone, waits(report.hurting_ms, budget))
        }
        Rehearse::Auto => live,
    }
}
