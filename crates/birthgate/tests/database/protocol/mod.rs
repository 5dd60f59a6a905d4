//! The permit protocol: explored as a model, and the model held against the real database.

mod model;
mod replay;

use stateright::{Checker, HasDiscoveries, Model};

use model::{Mistake, Protocol};

/// Whether everything is to be tried, however long it takes.
fn all() -> bool {
    std::env::var_os("BIRTHGATE_TEST_ALL").is_some()
}

#[test]
fn the_protocol_holds_in_every_state() {
    // Two clients and two entities; with three permits one entity can need a second one, with four both.
    let permits = if all() { 4 } else { 3 };
    let checker = Protocol { mistake: None, permits }.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.unique_state_count() > 40_000, "{}", checker.unique_state_count());
}

#[test]
fn every_mistake_is_refuted() {
    for (mistake, refuted) in [
        (Mistake::ConsumeBefore, "a permit is FINALIZED if and only if one birth has it"),
        (Mistake::SweepWithoutLooking, "no permit leaves its last state"),
        (Mistake::FinalizeByCode, "a permit is FINALIZED if and only if one birth has it"),
        (Mistake::LateReserve, "no permit leaves its last state"),
    ] {
        let checker = Protocol { mistake: Some(mistake), permits: 3 }
            .checker()
            .threads(2)
            .finish_when(HasDiscoveries::AllOf([refuted].into_iter().collect()))
            .spawn_bfs()
            .join();
        assert!(checker.discovery(refuted).is_some(), "{mistake:?} is not refuted");
    }
}
