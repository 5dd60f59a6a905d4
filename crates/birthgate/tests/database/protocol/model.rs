//! The permit protocol as a model: what clients, the clock and the sweeper can do, one step at a time,
//! and what must hold after each.
//!
//! A step is atomic as the database makes it: a statement outside a transaction, or one statement inside
//! one. What a transaction has done is its own until it commits, and locks the permits that it spent.

use stateright::{Model, Property};

pub const CLIENTS: usize = 2;
pub const ENTITIES: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    Requested,
    Reserved,
    Finalized,
    Cancelled,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permit {
    pub entity: usize,
    pub state: State,
    pub overdue: bool,
}

/// What a transaction has done and not yet committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// Permits that it consumed, by number; each with a row and a birth, unless the protocol is broken.
    spent: Vec<usize>,
    /// Rows that it inserted.
    rows: Vec<usize>,
    /// Entities that a broken commit finalises by their code.
    by_code: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub permits: Vec<Permit>,
    /// The permit of each entity's birth.
    pub births: Vec<Option<usize>>,
    /// Whether each entity's row is there. The last entity's is from the start: an old row without a birth.
    pub rows: Vec<bool>,
    pub transactions: Vec<Option<Transaction>>,
    /// Births whose commit a client was told of.
    acknowledged: Vec<bool>,
    /// The permits that a sweep has read as overdue and not yet written.
    sweeping: Option<Vec<usize>>,
    /// A permit left a state from which there is no way.
    illegal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Request {
        entity: usize,
    },
    Reserve {
        permit: usize,
    },
    Cancel {
        permit: usize,
    },
    /// Time passes for a permit.
    Overdue {
        permit: usize,
    },
    /// The sweeper reads which permits are overdue …
    SweepRead,
    /// … and writes.
    SweepWrite,
    /// INSERT, in a transaction that begins with it if there is none.
    Insert {
        client: usize,
        entity: usize,
    },
    /// INSERT … ON CONFLICT DO NOTHING over a row that is there.
    InsertNothing {
        client: usize,
        entity: usize,
    },
    /// COMMIT, and the client is told; or its connection is lost after it.
    Commit {
        client: usize,
        told: bool,
    },
    Abort {
        client: usize,
    },
    /// The client that was not told looks its key up.
    LookUp {
        permit: usize,
    },
    /// The server is killed: whatever is not committed is gone.
    Crash,
}

/// How an action ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(World),
    /// An error; nothing has changed but that the client's transaction is over.
    Refused(World),
    /// It waits for another transaction, or there is nothing to do.
    NotNow,
}

/// One way to get the protocol wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The gate consumes before the row is really inserted.
    ConsumeBefore,
    /// The sweeper writes what it read, without looking again.
    SweepWithoutLooking,
    /// The commit finalises whatever permit the code has, not the one that was spent.
    FinalizeByCode,
    /// A reservation does not look at the state that it leaves.
    LateReserve,
}

/// The protocol, right or with a mistake, with at most so many permits in all.
pub struct Protocol {
    pub mistake: Option<Mistake>,
    pub permits: usize,
}

impl World {
    pub fn start() -> World {
        World {
            permits: Vec::new(),
            births: vec![None; ENTITIES],
            rows: (0..ENTITIES).map(|entity| entity == ENTITIES - 1).collect(),
            transactions: vec![None; CLIENTS],
            acknowledged: vec![false; ENTITIES],
            sweeping: None,
            illegal: false,
        }
    }

    fn is_active(&self, permit: usize) -> bool {
        matches!(self.permits[permit].state, State::Requested | State::Reserved)
    }

    fn active_of(&self, entity: usize) -> Option<usize> {
        (0..self.permits.len()).find(|&n| self.permits[n].entity == entity && self.is_active(n))
    }

    fn locker(&self, permit: usize) -> Option<usize> {
        (0..CLIENTS)
            .find(|&c| self.transactions[c].as_ref().is_some_and(|t| t.spent.contains(&permit)))
    }

    fn inserter(&self, entity: usize) -> Option<usize> {
        (0..CLIENTS)
            .find(|&c| self.transactions[c].as_ref().is_some_and(|t| t.rows.contains(&entity)))
    }

    fn set(&mut self, permit: usize, to: State) {
        use State::{Cancelled, Expired, Finalized, Requested, Reserved};
        let legal = match self.permits[permit].state {
            Requested => matches!(to, Reserved | Cancelled | Expired),
            Reserved => matches!(to, Finalized | Cancelled | Expired),
            Finalized | Cancelled | Expired => false,
        };
        self.illegal |= !legal;
        self.permits[permit].state = to;
    }
}

impl Protocol {
    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// What an action does to the world.
    pub fn step(&self, world: &World, action: Action) -> Outcome {
        let mut next = world.clone();
        match action {
            Action::Request { entity } => {
                if world.permits.len() == self.permits || world.inserter(entity).is_some() {
                    return Outcome::NotNow;
                }
                if world.births[entity].is_some() {
                    return Outcome::Refused(next);
                }
                if let Some(active) = world.active_of(entity) {
                    if world.locker(active).is_some() {
                        return Outcome::NotNow;
                    }
                    if !world.permits[active].overdue {
                        return Outcome::Refused(next);
                    }
                    next.set(active, State::Expired);
                }
                next.permits.push(Permit { entity, state: State::Requested, overdue: false });
            }
            Action::Reserve { permit } => {
                let late = self.is(Mistake::LateReserve)
                    && world.permits[permit].state == State::Cancelled;
                if world.locker(permit).is_some() || world.permits[permit].state == State::Reserved
                {
                    return Outcome::NotNow;
                }
                if world.permits[permit].state != State::Requested && !late
                    || world.permits[permit].overdue
                {
                    return Outcome::Refused(next);
                }
                next.set(permit, State::Reserved);
            }
            Action::Cancel { permit } => {
                if world.locker(permit).is_some() || world.permits[permit].state == State::Cancelled
                {
                    return Outcome::NotNow;
                }
                if !world.is_active(permit) {
                    return Outcome::Refused(next);
                }
                next.set(permit, State::Cancelled);
            }
            Action::Overdue { permit } => {
                if world.locker(permit).is_some()
                    || world.permits[permit].overdue
                    || !world.is_active(permit)
                {
                    return Outcome::NotNow;
                }
                next.permits[permit].overdue = true;
            }
            Action::SweepRead => {
                if world.sweeping.is_some() {
                    return Outcome::NotNow;
                }
                let overdue = |&n: &usize| world.is_active(n) && world.permits[n].overdue;
                next.sweeping = Some((0..world.permits.len()).filter(overdue).collect());
            }
            Action::SweepWrite => {
                let Some(read) = next.sweeping.take() else { return Outcome::NotNow };
                for permit in read {
                    let still = world.is_active(permit) && world.locker(permit).is_none();
                    if still || self.is(Mistake::SweepWithoutLooking) {
                        next.set(permit, State::Expired);
                    }
                }
            }
            Action::Insert { client, entity } => {
                if world.rows[entity] {
                    return Outcome::NotNow;
                }
                let active = world.active_of(entity);
                let waits = |other: Option<usize>| other.is_some_and(|other| other != client);
                if waits(world.inserter(entity)) || waits(active.and_then(|n| world.locker(n))) {
                    return Outcome::NotNow;
                }
                let spendable = active.filter(|&n| {
                    let permit = world.permits[n];
                    permit.state == State::Reserved && !permit.overdue && world.locker(n).is_none()
                });
                let Some(permit) = spendable.filter(|_| world.inserter(entity).is_none()) else {
                    next.transactions[client] = None;
                    return Outcome::Refused(next);
                };
                let transaction = next.transactions[client].get_or_insert_default();
                transaction.spent.push(permit);
                transaction.rows.push(entity);
                transaction.by_code.push(entity);
            }
            Action::InsertNothing { client, entity } => {
                if !world.rows[entity] {
                    return Outcome::NotNow;
                }
                let active = world.active_of(entity);
                if self.is(Mistake::ConsumeBefore) {
                    let spendable = active.filter(|&n| {
                        world.permits[n].state == State::Reserved
                            && !world.permits[n].overdue
                            && world.locker(n).is_none()
                    });
                    let Some(permit) = spendable else { return Outcome::NotNow };
                    next.transactions[client].get_or_insert_default().spent.push(permit);
                } else {
                    let transaction = next.transactions[client].get_or_insert_default();
                    if transaction.by_code.contains(&entity) {
                        return Outcome::NotNow;
                    }
                    transaction.by_code.push(entity);
                }
            }
            Action::Commit { client, told } => {
                let Some(transaction) = next.transactions[client].take() else {
                    return Outcome::NotNow;
                };
                if self.is(Mistake::FinalizeByCode) {
                    for &entity in &transaction.by_code {
                        if let Some(permit) = next.active_of(entity) {
                            next.set(permit, State::Finalized);
                        }
                    }
                } else {
                    for &permit in &transaction.spent {
                        next.set(permit, State::Finalized);
                    }
                }
                for &entity in &transaction.rows {
                    next.rows[entity] = true;
                    next.births[entity] = transaction
                        .spent
                        .iter()
                        .copied()
                        .find(|&n| next.permits[n].entity == entity);
                    next.acknowledged[entity] |= told;
                }
            }
            Action::Abort { client } => {
                if next.transactions[client].take().is_none() {
                    return Outcome::NotNow;
                }
            }
            Action::LookUp { permit } => {
                let entity = world.permits[permit].entity;
                if world.permits[permit].state != State::Finalized || world.acknowledged[entity] {
                    return Outcome::NotNow;
                }
                next.acknowledged[entity] = true;
            }
            Action::Crash => {
                if world.transactions.iter().all(Option::is_none) && world.sweeping.is_none() {
                    return Outcome::NotNow;
                }
                next.transactions = vec![None; CLIENTS];
                next.sweeping = None;
            }
        }
        Outcome::Done(next)
    }

    /// Every action that could be tried.
    pub fn all_actions(&self, world: &World) -> Vec<Action> {
        let mut actions = vec![Action::SweepRead, Action::SweepWrite, Action::Crash];
        for entity in 0..ENTITIES {
            actions.push(Action::Request { entity });
            for client in 0..CLIENTS {
                actions.push(Action::Insert { client, entity });
                actions.push(Action::InsertNothing { client, entity });
            }
        }
        for permit in 0..world.permits.len() {
            actions.extend([
                Action::Reserve { permit },
                Action::Cancel { permit },
                Action::Overdue { permit },
                Action::LookUp { permit },
            ]);
        }
        for client in 0..CLIENTS {
            actions.extend([
                Action::Commit { client, told: true },
                Action::Commit { client, told: false },
                Action::Abort { client },
            ]);
        }
        actions
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::start()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(self.all_actions(world));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        match self.step(world, action) {
            Outcome::Done(next) | Outcome::Refused(next) if next != *world => Some(next),
            _ => None,
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "a permit is FINALIZED if and only if one birth has it",
                |_, world: &World| {
                    (0..world.permits.len()).all(|permit| {
                        let births =
                            world.births.iter().filter(|birth| **birth == Some(permit)).count();
                        births == usize::from(world.permits[permit].state == State::Finalized)
                    })
                },
            ),
            Property::always("a birth has its row", |_, world: &World| {
                (0..ENTITIES).all(|entity| world.births[entity].is_none() || world.rows[entity])
            }),
            Property::always("a new row has a birth", |_, world: &World| {
                (0..ENTITIES - 1)
                    .all(|entity| !world.rows[entity] || world.births[entity].is_some())
            }),
            Property::always("no permit leaves its last state", |_, world: &World| !world.illegal),
            Property::always("what was acknowledged is there", |_, world: &World| {
                (0..ENTITIES)
                    .all(|entity| !world.acknowledged[entity] || world.births[entity].is_some())
            }),
            Property::sometimes("a birth is acknowledged", |_, world: &World| {
                world.acknowledged.contains(&true)
            }),
            Property::sometimes(
                "an expired permit is replaced, and its successor spent",
                |_, world: &World| {
                    world.permits.iter().any(|p| p.state == State::Expired)
                        && world.permits.iter().any(|p| p.state == State::Finalized)
                },
            ),
        ]
    }
}
