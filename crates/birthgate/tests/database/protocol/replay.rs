//! Random walks through the model, each step of them done in the real database: it must answer what the
//! model answers, and look from outside as the model does.

use testkit::Db;
use tokio_postgres::Client;

use crate::dice::Dice;

use super::model::{Action, CLIENTS, ENTITIES, Outcome, Protocol, State, World};

const STEPS: usize = 40;

struct Real {
    db: Db,
    /// Whose transactions they are.
    clients: Vec<Client>,
    /// For statements outside of any.
    app: Client,
    dba: Client,
    permit_ids: Vec<i64>,
    walk: u64,
}

impl Real {
    fn code(&self, entity: usize) -> String {
        format!("W{}-{entity}", self.walk)
    }

    async fn begin(&mut self, walk: u64) {
        self.walk = walk;
        self.permit_ids.clear();
        // The last entity's row is there before the gate.
        let old = self.code(ENTITIES - 1);
        self.dba
            .batch_execute(&format!(
                "ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate; INSERT INTO thing (code) VALUES ('{old}');
                 ALTER TABLE thing ENABLE ALWAYS TRIGGER zz_birthgate_gate"
            ))
            .await
            .unwrap();
    }

    /// Does an action, or says what the database refused it with.
    async fn act(&mut self, world: &World, action: Action) -> Result<(), tokio_postgres::Error> {
        let id = |permit: usize| self.permit_ids[permit];
        let begin =
            |client: usize| if world.transactions[client].is_none() { "BEGIN; " } else { "" };
        let (client, sql) = match action {
            Action::Request { entity } => {
                let sql = format!("SELECT birthgate.permit_request('thing', '{}')", self.code(entity));
                let row = self.app.query_one(&sql, &[]).await?;
                self.permit_ids.push(row.get(0));
                return Ok(());
            }
            Action::Reserve { permit } => (&self.app, format!("SELECT birthgate.permit_reserve({})", id(permit))),
            Action::Cancel { permit } => (&self.app, format!("SELECT birthgate.permit_cancel({})", id(permit))),
            Action::Overdue { permit } => (
                &self.dba,
                format!(
                    "ALTER TABLE birthgate.birth_admission_permit DISABLE TRIGGER USER;
                     UPDATE birthgate.birth_admission_permit SET expires_at = requested_at WHERE id = {};
                     ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_guard_insert,
                       ENABLE ALWAYS TRIGGER permit_guard_update, ENABLE ALWAYS TRIGGER permit_guard_identity,
                       ENABLE ALWAYS TRIGGER permit_guard_code, ENABLE ALWAYS TRIGGER permit_guard_delete,
                       ENABLE ALWAYS TRIGGER permit_truncate_guard",
                    id(permit)
                ),
            ),
            Action::SweepWrite | Action::LookUp { .. } => return Ok(()),
            // One statement reads and writes.
            Action::SweepRead => (&self.dba, "SELECT birthgate.permit_expire()".to_owned()),
            Action::Insert { client, entity } => (
                &self.clients[client],
                format!("{}INSERT INTO thing (code) VALUES ('{}')", begin(client), self.code(entity)),
            ),
            Action::InsertNothing { client, entity } => (
                &self.clients[client],
                format!("{}INSERT INTO thing (code) VALUES ('{}') ON CONFLICT DO NOTHING", begin(client), self.code(entity)),
            ),
            Action::Commit { client, .. } => (&self.clients[client], "COMMIT".to_owned()),
            Action::Abort { client } => (&self.clients[client], "ROLLBACK".to_owned()),
            Action::Crash => {
                for client in 0..CLIENTS {
                    let pid: i32 =
                        self.clients[client].query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
                    self.dba
                        .batch_execute(&format!("SELECT pg_terminate_backend({pid}, 10000)"))
                        .await
                        .unwrap();
                    self.clients[client] = self.db.connect("app").await;
                }
                return Ok(());
            }
        };
        let done = client.batch_execute(&sql).await;
        if let (Err(_), Action::Insert { client, .. } | Action::InsertNothing { client, .. }) =
            (&done, action)
        {
            self.clients[client].batch_execute("ROLLBACK").await.unwrap();
        }
        done
    }

    /// The world as somebody sees it who is in no transaction.
    async fn look(&self) -> (Vec<String>, Vec<Option<usize>>, Vec<bool>) {
        let mut permits = Vec::new();
        for id in &self.permit_ids {
            let sql = format!("SELECT state FROM birthgate.birth_admission_permit WHERE id = {id}");
            permits.push(self.dba.query_one(&sql, &[]).await.unwrap().get(0));
        }
        let (mut births, mut rows) = (Vec::new(), Vec::new());
        for entity in 0..ENTITIES {
            let code = self.code(entity);
            let birth = self
                .dba
                .query_opt("SELECT permit_id FROM birthgate.birth_registry WHERE entity_code = $1 AND status = 'finalized'", &[&code])
                .await
                .unwrap()
                .map(|row| row.get::<_, i64>(0));
            births.push(
                birth.map(|id| self.permit_ids.iter().position(|known| *known == id).unwrap()),
            );
            rows.push(
                self.dba
                    .query_one("SELECT EXISTS (SELECT FROM thing WHERE code = $1)", &[&code])
                    .await
                    .unwrap()
                    .get(0),
            );
        }
        (permits, births, rows)
    }
}

fn word(state: State) -> String {
    match state {
        State::Requested => "REQUESTED",
        State::Reserved => "RESERVED",
        State::Finalized => "FINALIZED",
        State::Cancelled => "CANCELLED",
        State::Expired => "EXPIRED",
    }
    .to_owned()
}

#[tokio::test]
async fn the_database_walks_as_the_model_does() {
    for form in ["statement", "row"] {
        let db = Db::governed(form).await;
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(db.connect("app").await);
        }
        let (app, dba) = (db.connect("app").await, db.dba().await);
        let mut real = Real { db, clients, app, dba, permit_ids: Vec::new(), walk: 0 };
        let protocol = Protocol { mistake: None, permits: 6 };
        let (mut born, mut refused) = (0, 0);
        for walk in 0..if super::all() { 60 } else { 10 } {
            real.begin(walk).await;
            let mut world = World::start();
            let mut dice = Dice(walk + 1);
            let mut trace = Vec::new();
            for _ in 0..STEPS {
                let possible: Vec<(Action, Outcome)> = protocol
                    .all_actions(&world)
                    .into_iter()
                    // ALTER TABLE would wait for an open transaction of the walk.
                    .filter(|action| !matches!(action, Action::Overdue { .. } if world.transactions.iter().any(Option::is_some)))
                    .map(|action| (action, protocol.step(&world, action)))
                    .map(|(action, outcome)| match (action, outcome) {
                        (Action::SweepRead, Outcome::Done(read)) => (action, protocol.step(&read, Action::SweepWrite)),
                        other => other,
                    })
                    .filter(|(_, outcome)| *outcome != Outcome::NotNow)
                    .collect();
                let weight = |(action, outcome): &(Action, Outcome)| match (action, outcome) {
                    (
                        Action::Reserve { .. } | Action::Insert { .. } | Action::Commit { .. },
                        Outcome::Done(_),
                    ) => 6,
                    (Action::Request { .. }, Outcome::Done(_)) => 3,
                    _ => 1,
                };
                let mut drawn = dice.below(possible.iter().map(weight).sum());
                let chosen = possible.iter().find(|one| {
                    let here = drawn < weight(one);
                    drawn = drawn.saturating_sub(weight(one));
                    here
                });
                let (action, outcome) = chosen.unwrap().clone();
                trace.push(action);
                let done = real.act(&world, action).await;
                world = match outcome {
                    Outcome::Done(next) => {
                        assert!(
                            done.is_ok(),
                            "{form}: the database refused, the model does not: {trace:?}: {done:?}"
                        );
                        next
                    }
                    Outcome::Refused(next) => {
                        assert!(
                            done.is_err(),
                            "{form}: the model refuses, the database does not: {trace:?}"
                        );
                        refused += 1;
                        next
                    }
                    Outcome::NotNow => unreachable!("left out above"),
                };
                let (permits, births, rows) = real.look().await;
                let expected: Vec<String> = world.permits.iter().map(|p| word(p.state)).collect();
                assert_eq!(
                    (&permits, &births, &rows),
                    (&expected, &world.births, &world.rows),
                    "{form}: {trace:?}"
                );
            }
            born += world.births.iter().flatten().count();
            real.act(&world, Action::Crash).await.unwrap();
        }
        assert!(born > 3 && refused > 20, "the walks saw {born} births and {refused} refusals");
    }
}
