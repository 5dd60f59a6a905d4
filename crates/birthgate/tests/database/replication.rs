//! Logical subscribers: a copy of everything, promoted; and a database into which rows are sent.

use birthgate::replication::{self, Replication};
use birthgate::{RefusalCode, collection, registry};
use testkit::{Server, connect, refusal, sqlstate};
use tokio_postgres::Client;

const TABLE: &str =
    "CREATE TABLE public.thing (id bigint GENERATED ALWAYS AS IDENTITY, code text NOT NULL UNIQUE, name text);
     ALTER TABLE public.thing REPLICA IDENTITY USING INDEX thing_code_key;
     GRANT SELECT, INSERT, UPDATE, DELETE ON public.thing TO app";

/// Two databases of one server, of which the second subscribes to the first as `s`.
struct Pair {
    server: Server,
    publisher: String,
    subscriber: String,
}

impl Pair {
    fn new() -> Pair {
        let server = Server::own(&[("wal_level", "logical")]);
        let (publisher, subscriber) = (server.make_database(true), server.make_database(false));
        Pair { server, publisher, subscriber }
    }

    async fn on_publisher(&self, role: &str) -> Client {
        connect(self.server.config(&self.publisher, role)).await
    }

    async fn on_subscriber(&self, role: &str) -> Client {
        connect(self.server.config(&self.subscriber, role)).await
    }

    /// Governs thing on the publisher, and lets one entity be born and another be retired there.
    async fn publish(&self, publication: &str) {
        let mut root = self.on_publisher("postgres").await;
        root.batch_execute("DELETE FROM thing; ALTER TABLE public.thing REPLICA IDENTITY USING INDEX thing_code_key").await.unwrap();
        collection::govern(&mut root, &testkit::govern_thing()).await.unwrap();
        collection::grant(&root, "thing", "app", None).await.unwrap();
        for code in ["A", "B"] {
            admit(&self.on_publisher("app").await, code).await;
        }
        self.on_publisher("app")
            .await
            .batch_execute("SELECT birthgate.retire('thing', 'B')")
            .await
            .unwrap();
        root.batch_execute(publication).await.unwrap();
        root.batch_execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
            .await
            .unwrap();
    }

    async fn subscribe(&self) {
        let sql = format!(
            "CREATE SUBSCRIPTION s CONNECTION 'host={} dbname={} user=postgres' PUBLICATION p WITH (create_slot = false)",
            self.server.socket_folder().display(),
            self.publisher
        );
        self.on_subscriber("postgres").await.batch_execute(&sql).await.unwrap();
    }

    /// Waits until the condition holds on the subscriber.
    async fn until(&self, condition: &str) {
        let sql = format!(
            "DO $$ BEGIN FOR v_try IN 1..6000 LOOP
               IF {condition} THEN RETURN; END IF; PERFORM pg_sleep(0.005);
             END LOOP; RAISE 'never: %', $c${condition}$c$; END $$"
        );
        self.on_subscriber("postgres").await.batch_execute(&sql).await.unwrap();
    }

    /// Ends the subscription, and with it the hold that it has on the publisher.
    async fn end(&self) {
        let root = self.on_subscriber("postgres").await;
        root.batch_execute("ALTER SUBSCRIPTION s DISABLE").await.unwrap();
        root.batch_execute("ALTER SUBSCRIPTION s SET (slot_name = NONE)").await.unwrap();
        root.batch_execute("DROP SUBSCRIPTION s").await.unwrap();
    }
}

async fn admit(client: &Client, code: &str) {
    client
        .execute("SELECT birthgate.admit('thing', jsonb_build_object('code', $1::text))", &[&code])
        .await
        .unwrap();
}

async fn trust(client: &Client) -> String {
    collection::list(client).await.unwrap()[0].trust.clone()
}

fn on_a_runtime(test: impl AsyncFnOnce(&Pair)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let pair = Pair::new();
    runtime.block_on(test(&pair));
    drop(runtime);
}

#[test]
fn a_copy_whose_schema_was_dumped_is_promoted() {
    on_a_runtime(async |pair| {
        pair.publish(
            "CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root = true)",
        )
        .await;
        let (app, mut root) =
            (pair.on_subscriber("app").await, pair.on_subscriber("postgres").await);
        let nothing = replication::prepare(&mut root, Replication::Copy).await;
        assert!(matches!(nothing, Err(birthgate::Error::NothingToCopy)), "{nothing:?}");
        pair.server.copy(
            &pair.publisher,
            &pair.subscriber,
            &["--schema-only", "--no-publications"],
        );
        replication::prepare(&mut root, Replication::Copy).await.unwrap();
        assert_eq!(refusal(replication::promote(&mut root).await), RefusalCode::NotACopy);
        pair.subscribe().await;
        pair.until("(SELECT count(*) > 0 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel)")
            .await;

        // What arrives passes: a birth, a retirement, a permit, the archive. What is written here does not.
        let there = pair.on_publisher("app").await;
        admit(&there, "LATE").await;
        there.batch_execute("SELECT birthgate.retire('thing', 'A')").await.unwrap();
        pair.on_publisher("postgres")
            .await
            .batch_execute("SELECT birthgate.permit_archive('infinity')")
            .await
            .unwrap();
        there.batch_execute("SELECT birthgate.permit_hold('thing', 'C')").await.unwrap();
        pair.until("EXISTS (SELECT FROM birthgate.birth_admission_permit WHERE entity_code = 'C' AND state = 'RESERVED')").await;
        let state: String = root
            .query_one("SELECT concat((SELECT array_agg(code) FROM thing), (SELECT count(*) FROM birthgate.permit_archive))", &[])
            .await.unwrap().get(0);
        assert_eq!(state, "{LATE}5");
        assert!(trust(&root).await.starts_with("copy: "), "{}", trust(&root).await);
        let refused = app.batch_execute("INSERT INTO thing (code) VALUES ('X')").await;
        assert_eq!(sqlstate(&refused.unwrap_err()), "PB001");

        assert_eq!(refusal(replication::promote(&mut root).await), RefusalCode::NotACopy);
        pair.end().await;
        replication::promote(&mut root).await.unwrap();
        assert!(
            trust(&root).await.starts_with("detect-only: thing_owner"),
            "{}",
            trust(&root).await
        );
        assert_eq!(refusal(replication::promote(&mut root).await), RefusalCode::NotACopy);
        for sql in [
            "INSERT INTO thing (code) VALUES ('X')",
            "SET session_replication_role = replica; INSERT INTO thing (code) VALUES ('X')",
        ] {
            assert_eq!(sqlstate(&root.batch_execute(sql).await.unwrap_err()), "PB001");
        }
        root.batch_execute("RESET session_replication_role").await.unwrap();
        // The permit that was reserved over there is spent here; new permits do not meet the ids of old ones.
        app.batch_execute("INSERT INTO thing (code) VALUES ('C')").await.unwrap();
        root.batch_execute("SELECT setval('thing_id_seq', 100)").await.unwrap();
        admit(&app, "D").await;
        app.batch_execute("SELECT birthgate.retire('thing', 'LATE')").await.unwrap();
        root.batch_execute("SELECT birthgate.permit_archive('infinity')").await.unwrap();
        assert_eq!(registry::reconcile(&root, Some("thing")).await.unwrap(), []);
    });
}

#[test]
fn a_fan_in_gates_what_arrives() {
    on_a_runtime(async |pair| {
        pair.publish("CREATE PUBLICATION p FOR TABLE thing").await;
        let mut root = pair.on_subscriber("postgres").await;
        root.batch_execute(TABLE).await.unwrap();
        replication::prepare(&mut root, Replication::FanIn).await.unwrap();
        let statement =
            collection::Govern { form: Some("statement".to_owned()), ..testkit::govern_thing() };
        assert_eq!(
            refusal(collection::govern(&mut root, &statement).await),
            RefusalCode::CannotGovern
        );
        let governed = collection::govern(&mut root, &testkit::govern_thing()).await.unwrap();
        assert_eq!(governed.form.as_deref(), Some("row"));
        collection::grant(&root, "thing", "app", None).await.unwrap();
        // A is there already, before it is permitted here: the apply waits, and nothing is let in.
        pair.subscribe().await;
        pair.until("EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r')").await;
        let things: i64 = root.query_one("SELECT count(*) FROM thing", &[]).await.unwrap().get(0);
        assert_eq!(things, 0);
        root.batch_execute("SELECT birthgate.admission_grant_set('postgres', 'thing'); SELECT birthgate.permit_hold('thing', 'A'), birthgate.permit_hold('thing', 'LATE')").await.unwrap();
        pair.until("EXISTS (SELECT FROM thing WHERE code = 'A') AND (SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel)").await;
        admit(&pair.on_publisher("app").await, "LATE").await;
        pair.until("EXISTS (SELECT FROM thing WHERE code = 'LATE')").await;
        let born: i64 = root
            .query_one(
                "SELECT count(*) FROM birthgate.birth_registry WHERE status = 'finalized'",
                &[],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(born, 2);
        assert_eq!(registry::reconcile(&root, None).await.unwrap(), []);
        pair.end().await;
    });
}
