//! Where each step is seen after the sandbox: in the live database where that hurts nobody.

use super::{Options, Rehearsal, Rows, StepReport, Where};
use crate::plan::{Plan, Rehearse, Step};
use crate::script::Script;

/// The place of each step; where one is not the live database, its report says why.
pub(super) fn places(plan: &Plan, rehearsal: &mut Rehearsal, options: &Options) -> Vec<Where> {
    let budget = options.max_block.as_secs_f64() * 1e3;
    // Locks are held until the transaction's end: from the first one that hurts, all that follows is waited for.
    let mut exposed = 0.0;
    let comparing = rehearsal.fingerprint_ms * 2.0;
    let mut places = Vec::new();
    for (step, report) in plan.steps.iter().zip(&mut rehearsal.steps) {
        let mut stays = stays(step, report, budget);
        // Where the sandbox has all rows, the live database would only say again what was seen: not at the
        // price of anybody's waiting.
        if stays.is_none() && step.rehearse == Rehearse::Auto && options.rows == Rows::All {
            let takes = report.duration_ms + report.undo_ms() + comparing + report.content_ms;
            let hurts = report.locks.iter().any(|lock| lock.hurts() && !lock.is_index());
            if exposed > 0.0 || hurts {
                if exposed + takes > budget {
                    stays = Some(waits(exposed + takes, budget));
                } else {
                    exposed += takes;
                }
            }
        }
        places.push(match stays {
            None => Where::Live,
            Some(why) => {
                report.why = why;
                Where::Sandbox
            }
        });
    }
    places
}

fn waits(milliseconds: f64, budget: f64) -> String {
    format!("others would wait for {milliseconds:.0} ms, more than {budget:.0} ms")
}

/// Why a step is not run in the live database, whatever else is.
fn stays(step: &Step, report: &StepReport, budget: f64) -> Option<String> {
    if !step.transaction && step.stand_in.is_none() {
        Some("it runs outside of a transaction".to_owned())
    } else if step.transaction && step.undo.as_ref().is_some_and(Script::leaves_the_transaction) {
        Some("its undo runs outside of a transaction".to_owned())
    } else if step.rehearse == Rehearse::Sandbox {
        Some("the packet says so".to_owned())
    } else if step.rehearse == Rehearse::Auto && report.hurting_ms > budget {
        Some(waits(report.hurting_ms, budget))
    } else {
        None
    }
}
