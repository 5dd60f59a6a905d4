//! What tells that a step is done.

use crate::script::{Conduct, Control, Script};

/// What tells that a step is done.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Queries that each return one true: a packet's.
    True(Script),
    /// A script that raises no error, and whose own changes are taken back: sqitch's.
    Quiet(Script),
}

impl Verify {
    /// A script that is to raise no error; without the BEGIN and ROLLBACK around it, since it runs in a transaction that
    /// is rolled back anyway.
    pub(crate) fn quiet(mut script: Script) -> Result<Verify, String> {
        let is = |at: usize, kinds: &[Control]| {
            let conduct = script.statements.get(at).map(|one| &one.conduct);
            matches!(conduct, Some(Conduct::Controls(kind)) if kinds.contains(kind))
        };
        let last = script.statements.len().saturating_sub(1);
        if last > 0 && is(0, &[Control::Begin]) && is(last, &[Control::Rollback, Control::Commit]) {
            script.statements.pop();
            script.statements.remove(0);
        }
        let escapes = script.statements.iter().find_map(|one| match &one.conduct {
            Conduct::Outside(what) => Some(*what),
            Conduct::Controls(control) if !control.stays_inside() => Some(control.sql()),
            _ => None,
        });
        match escapes {
            Some(what) => Err(format!("it cannot be rolled back ({what})")),
            None => Ok(Verify::Quiet(script)),
        }
    }

    /// Its script.
    pub fn script(&self) -> &Script {
        let (Verify::True(script) | Verify::Quiet(script)) = self;
        script
    }

    /// The same of another script.
    pub(crate) fn with<E>(
        &self,
        change: impl FnOnce(&Script) -> Result<Script, E>,
    ) -> Result<Verify, E> {
        Ok(match self {
            Verify::True(script) => Verify::True(change(script)?),
            Verify::Quiet(script) => Verify::Quiet(change(script)?),
        })
    }
}
