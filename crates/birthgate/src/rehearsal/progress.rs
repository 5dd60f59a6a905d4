//! How far a rehearsal has come, for whoever watches it.

use std::fmt;
use std::sync::Arc;

use super::Where;
use crate::plan::Plan;

/// What a rehearsal does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage<'a> {
    /// It makes the sandbox.
    Sandbox,
    /// It copies rows into it.
    Rows,
    /// It runs a step.
    Step {
        /// The step, counted from 0.
        at: usize,
        /// How many there are.
        of: usize,
        /// Its id.
        id: &'a str,
        /// Where it runs it.
        place: Where,
    },
    /// It compares the live database with what it was.
    Proof,
}

/// Is called at each stage.
#[derive(Clone)]
pub struct Observer {
    /// What is called; it must return at once.
    pub tell: Arc<dyn Fn(&Stage<'_>) + Send + Sync>,
}

impl Default for Observer {
    fn default() -> Observer {
        Observer { tell: Arc::new(|_| ()) }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

impl Observer {
    pub(super) fn step(&self, at: usize, plan: &Plan, place: Where) {
        (self.tell)(&Stage::Step { at, of: plan.steps.len(), id: &plan.steps[at].id, place });
    }
}
