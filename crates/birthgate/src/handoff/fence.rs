//! The lock fence: up to which id every row is there that will ever be there.
//!
//! Ids are taken in order, and rows committed in any. Whoever inserts holds RowExclusiveLock on the table before it takes an
//! id, and until after its outcome can be seen. So: look at the highest id, then at who holds that lock; once all of those are
//! gone, no id up to that one is still to come. The clock has no say in it: while one of them is there, it waits.
//!
//! A change comes after the birth of what it changes, so births are fenced anew after the changes are settled, and the two are
//! given out as a pair. What is on disk only in part, a crash could take back; so the log must be written as far as it had come.

use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Up to which ids everything is there and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Of births.
    pub births: i64,
    /// Of changes.
    pub changes: i64,
}

/// One look at the database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observation {
    /// The highest id of a birth that is visible.
    pub births: Option<i64>,
    /// The highest id of a change that is visible.
    pub changes: Option<i64>,
    /// The virtual transactions that may insert births. Looked at after the highest id.
    pub births_holders: HashSet<String>,
    /// The virtual transactions that may insert changes.
    pub changes_holders: HashSet<String>,
    /// How far the log is written; looked at after the holders.
    pub inserted: i64,
    /// How far the log is on disk.
    pub flushed: i64,
}

/// Waiting until nobody is left who could still bring an id up to `high`.
#[derive(Debug)]
struct Waiting {
    high: i64,
    members: HashSet<String>,
    since: Instant,
}

impl Waiting {
    fn begin(high: i64, holders: &HashSet<String>) -> Waiting {
        Waiting { high, members: holders.clone(), since: Instant::now() }
    }

    /// Whether all are gone; keeps those that are not.
    fn is_over(&mut self, holders: &HashSet<String>) -> bool {
        self.members.retain(|member| holders.contains(member));
        self.members.is_empty()
    }
}

#[derive(Debug)]
struct BirthsWaiting {
    waiting: Waiting,
    /// The changes that this settles as well.
    changes: i64,
    /// How far the log has to be on disk, once all are gone.
    on_disk: Option<i64>,
}

/// The fence around both tables.
#[derive(Debug)]
pub(crate) struct Fence {
    settled: Settled,
    births: Option<BirthsWaiting>,
    changes: Option<Waiting>,
    /// Changes that are all there, but whose births may not be.
    changes_there: i64,
    /// What was visible when it began.
    first: Option<Settled>,
}

impl Fence {
    pub fn new() -> Fence {
        let settled = Settled { births: i64::MIN, changes: i64::MIN };
        Fence { settled, births: None, changes: None, changes_there: i64::MIN, first: None }
    }

    /// Whether everything that was visible when it began is settled.
    pub fn has_caught_up(&self) -> bool {
        self.first.is_some_and(|first| {
            self.settled.births >= first.births && self.settled.changes >= first.changes
        })
    }

    /// What is settled by now.
    pub fn settled(&self) -> Settled {
        self.settled
    }

    /// Takes a look into account.
    pub fn observe(&mut self, seen: &Observation) {
        // Once something is settled there is a pause, so that sinks are given many events at a time under load.
        let is_pause = self.settle_births(seen);
        // What this look finds of the changes, its births may be too old for: they wait for the next.
        let births = seen.births.unwrap_or(i64::MIN);
        let changes = seen.changes.unwrap_or(i64::MIN);
        self.first.get_or_insert(Settled { births, changes });
        if !is_pause
            && self.births.is_none()
            && (births > self.settled.births || self.changes_there > self.settled.changes)
        {
            let waiting = Waiting::begin(births.max(self.settled.births), &seen.births_holders);
            self.births =
                Some(BirthsWaiting { waiting, changes: self.changes_there, on_disk: None });
            self.settle_births(seen);
        }
        self.settle_changes(seen);
        if self.changes.is_none() && changes > self.changes_there {
            self.changes = Some(Waiting::begin(changes, &seen.changes_holders));
            self.settle_changes(seen);
        }
    }

    /// Whether this look settles what births were waited for.
    fn settle_births(&mut self, seen: &Observation) -> bool {
        let Some(births) = &mut self.births else { return false };
        if births.on_disk.is_none() && births.waiting.is_over(&seen.births_holders) {
            births.on_disk = Some(seen.inserted);
        }
        self.flushed(seen.flushed)
    }

    /// Takes into account how far the log is on disk; whether that settles what births were waited for.
    pub fn flushed(&mut self, flushed: i64) -> bool {
        let Some(births) = &self.births else { return false };
        if births.on_disk.is_some_and(|on_disk| flushed >= on_disk) {
            self.settled = Settled { births: births.waiting.high, changes: births.changes };
            self.births = None;
            return true;
        }
        false
    }

    fn settle_changes(&mut self, seen: &Observation) {
        if let Some(changes) = &mut self.changes
            && changes.is_over(&seen.changes_holders)
        {
            self.changes_there = changes.high;
            self.changes = None;
        }
    }

    /// Whether all are gone, and what they committed is not known to be on disk.
    pub fn awaits_disk(&self) -> bool {
        self.births.as_ref().is_some_and(|births| births.on_disk.is_some())
    }

    /// Whether something is on its way, so that the next look should come soon.
    pub fn is_waiting(&self) -> bool {
        self.births.is_some() || self.changes.is_some() || self.changes_there > self.settled.changes
    }

    /// For how long it has waited, and for whom, when that is longer than usual.
    pub fn stalled(&self, after: Duration) -> Option<(Duration, Vec<String>)> {
        let births = self.births.iter().map(|births| &births.waiting);
        let stalled = births.chain(&self.changes).filter(|one| one.since.elapsed() >= after);
        let longest = stalled.max_by_key(|one| one.since.elapsed())?;
        Some((longest.since.elapsed(), longest.members.iter().cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fence, Observation, Settled};

    fn look(births: i64, holders: &[&str], changes: i64, changers: &[&str]) -> Observation {
        let set = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Observation {
            births: Some(births),
            changes: Some(changes),
            births_holders: set(holders),
            changes_holders: set(changers),
            inserted: 0,
            flushed: 0,
        }
    }

    #[test]
    fn waits_for_those_who_were_there_and_for_nobody_else() {
        let mut fence = Fence::new();
        fence.observe(&look(10, &["1/1", "2/1"], 0, &[]));
        assert_eq!(fence.settled().births, i64::MIN);
        fence.observe(&look(20, &["2/1", "3/1"], 0, &[]));
        assert_eq!(fence.settled().births, i64::MIN);
        fence.observe(&look(30, &["3/1"], 0, &[]));
        assert_eq!(fence.settled().births, 10, "not those that came later");
        fence.observe(&look(30, &[], 0, &[]));
        assert_eq!(fence.settled().births, 30);
    }

    #[test]
    fn a_change_waits_for_births_that_were_looked_at_after_it() {
        let mut fence = Fence::new();
        fence.observe(&look(10, &[], 5, &["1/1"]));
        assert_eq!(fence.settled(), Settled { births: 10, changes: i64::MIN });
        // Its births may have been committed after this look's highest id was taken.
        fence.observe(&look(10, &[], 5, &[]));
        assert_eq!(fence.settled(), Settled { births: 10, changes: i64::MIN });
        fence.observe(&look(11, &[], 5, &[]));
        assert_eq!(fence.settled(), Settled { births: 11, changes: 5 });
        assert!(!fence.is_waiting());
    }

    #[test]
    fn what_is_not_on_disk_is_not_settled() {
        let mut fence = Fence::new();
        let at = |inserted, flushed| Observation { inserted, flushed, ..look(10, &[], 0, &[]) };
        fence.observe(&at(100, 90));
        assert_eq!(fence.settled().births, i64::MIN);
        fence.observe(&at(150, 99));
        assert_eq!(fence.settled().births, i64::MIN);
        fence.observe(&at(200, 100));
        assert_eq!(fence.settled().births, 10);
    }
}
