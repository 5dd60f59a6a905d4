//! Who can weaken a gate is named, and the packet that takes a table from its application leaves nobody.

use birthgate::collection::{self, Govern};
use birthgate::ownership::{self, Ownership};
use birthgate::plan;
use birthgate::rehearsal::{self, Mutated, Rows, Verdict};
use testkit::{Db, govern_thing, sqlstate};

async fn trust(db: &Db) -> String {
    collection::list(&db.dba().await).await.unwrap()[0].trust.clone()
}

async fn examine(db: &Db, collection: &str) -> Ownership {
    ownership::examine(&db.dba().await, &[collection.to_owned()], "keeper").await.unwrap()
}

/// Tries to insert without a permit, once `how` was done as this login.
async fn gets_past(db: &Db, login: &str, how: &str) -> bool {
    db.connect(login).await.batch_execute(how).await.is_ok()
        && db
            .connect("app")
            .await
            .batch_execute("INSERT INTO thing (code) VALUES ('X-1')")
            .await
            .is_ok()
}

const OF_ANOTHER: &str = "
    CREATE FUNCTION evil.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE OR REPLACE TRIGGER zz_birthgate_gate AFTER INSERT ON thing FOR EACH STATEMENT EXECUTE FUNCTION evil.nothing()";
const OFF: &str = "ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate";
const ANOTHER_TABLE: &str = "DROP TABLE public.thing; CREATE TABLE public.thing (code text); GRANT INSERT ON public.thing TO app";

#[tokio::test]
async fn whoever_can_weaken_the_gate_is_named() {
    for (given, login, says, how) in [
        ("ALTER TABLE thing OWNER TO other_app", "other_app", "other_app owns the table", OFF),
        (
            "ALTER SCHEMA public OWNER TO other_app",
            "other_app",
            "other_app owns its schema",
            ANOTHER_TABLE,
        ),
        (
            "GRANT TRIGGER ON thing TO other_app",
            "other_app",
            "other_app may set its triggers",
            OF_ANOTHER,
        ),
        ("GRANT TRIGGER ON thing TO PUBLIC", "cleaner", "app, cleaner, ", OF_ANOTHER),
    ] {
        let db = Db::birth().await;
        db.sql("ALTER TABLE thing OWNER TO keeper; ALTER SCHEMA public OWNER TO keeper; GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC").await;
        db.govern_thing(|_| ()).await;
        assert_eq!(trust(&db).await, "enforced", "{given}");
        assert!(!gets_past(&db, login, how).await, "{given}");
        db.sql(given).await;
        let said = trust(&db).await;
        assert!(said.starts_with("detect-only: ") && said.contains(says), "{given}: {said}");
        // CREATE OR REPLACE TRIGGER is of 14 and newer, as is all that we know.
        assert!(gets_past(&db, login, how).await, "{given} is no way past the gate");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_of_another_owner_is_found() {
    let db = Db::governed("statement").await;
    let client = db.dba().await;
    let things = ["thing".to_owned()];
    let missing = ownership::examine(&client, &things, "nobody_yet").await.unwrap_err();
    assert!(missing.to_string().contains("CREATE ROLE nobody_yet NOLOGIN"), "{missing}");
    let login = ownership::examine(&client, &things, "other_app").await.unwrap();
    assert!(login.findings[0].contains("can log in"), "{login:#?}");
    let unknown = examine(&db, "nothing").await;
    assert!(unknown.findings[0].contains("nothing is no collection"), "{unknown:#?}");
    db.sql("GRANT TRIGGER ON thing TO other_app; ALTER TABLE thing ENABLE ROW LEVEL SECURITY")
        .await;
    let found = examine(&db, "thing").await;
    for says in ["REVOKE TRIGGER ON public.thing FROM other_app", "row level security"] {
        assert!(found.findings.iter().any(|one| one.contains(says)), "{says}: {found:#?}");
    }
    assert!(found.write_packet(tempfile::tempdir().unwrap().path()).is_err());
    db.sql("REVOKE TRIGGER ON thing FROM other_app; ALTER TABLE thing DISABLE ROW LEVEL SECURITY; ALTER TABLE thing OWNER TO keeper").await;
    assert!(examine(&db, "thing").await.findings[0].contains("already"));
}

const SERIAL: &str = "
    CREATE TABLE \"Odd name\" (id serial PRIMARY KEY, code text NOT NULL UNIQUE);
    ALTER TABLE \"Odd name\" OWNER TO thing_owner";
const PARTITIONED: &str = "
    CREATE TABLE \"Odd name\" (id bigint GENERATED ALWAYS AS IDENTITY, code text PRIMARY KEY) PARTITION BY LIST (code);
    CREATE TABLE odd_a PARTITION OF \"Odd name\" FOR VALUES IN ('A');
    CREATE TABLE odd_rest PARTITION OF \"Odd name\" DEFAULT;
    ALTER TABLE \"Odd name\" OWNER TO thing_owner; ALTER TABLE odd_a OWNER TO thing_owner; ALTER TABLE odd_rest OWNER TO thing_owner";

#[tokio::test]
async fn the_packet_passes_and_the_application_goes_on() {
    for (table, schema) in [
        (SERIAL, "ALTER SCHEMA public OWNER TO thing_owner"),
        (
            PARTITIONED,
            "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO thing_owner",
        ),
    ] {
        let db = Db::birth_on(testkit::quiet_server().await).await;
        db.sql(table).await;
        db.sql(schema).await;
        let mut client = db.dba().await;
        let govern = Govern {
            collection: "odd".to_owned(),
            table: "public.\"Odd name\"".to_owned(),
            ..govern_thing()
        };
        collection::govern(&mut client, &govern).await.unwrap();
        collection::grant(&client, "odd", "thing_owner", None).await.unwrap();
        let found = examine(&db, "odd").await;
        assert_eq!(found.findings, [""; 0]);
        let folder = tempfile::tempdir().unwrap();
        found.write_packet(folder.path()).unwrap();
        let plan = plan::read(&[folder.path().to_owned()]).unwrap();
        let options = rehearsal::Options { rows: Rows::All, ..crate::rehearsal::options() };
        let said = rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap();
        assert_eq!(
            (said.verdict, said.mutated),
            (Verdict::Pass, Mutated::None),
            "{:#?}",
            said.reasons
        );

        for step in &plan.steps {
            client.batch_execute(&step.does.text).await.unwrap();
        }
        assert_eq!(trust(&db).await, "enforced");
        let app = db.connect("thing_owner").await;
        app.batch_execute(
            "INSERT INTO \"Odd name\" (code) SELECT 'A' FROM birthgate.permit_hold('odd', 'A');
             UPDATE \"Odd name\" SET id = DEFAULT WHERE code = 'A';
             SELECT setval(pg_get_serial_sequence('\"Odd name\"', 'id'), 77)",
        )
        .await
        .unwrap();
        app.batch_execute(
            "SELECT birthgate.permit_hold('odd', 'A', 'retire');
             DELETE FROM \"Odd name\" WHERE code = 'A'",
        )
        .await
        .unwrap();
        for off in [
            "ALTER TABLE \"Odd name\" DISABLE TRIGGER ALL",
            "DROP TABLE \"Odd name\"",
            "ALTER TABLE \"Odd name\" RENAME TO other",
        ] {
            assert_eq!(sqlstate(&app.batch_execute(off).await.unwrap_err()), "42501", "{off}");
        }
        for step in plan.steps.iter().rev() {
            client.batch_execute(&step.undo.as_ref().unwrap().text).await.unwrap();
        }
        assert!(trust(&db).await.starts_with("detect-only: thing_owner owns the table"));
    }
}

/// A foreign key is checked as the owner of the table that it names: who may not look into the schema would break it.
#[tokio::test]
async fn foreign_keys_to_a_table_that_was_given_away_hold() {
    let db = Db::birth().await;
    db.sql(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO thing_owner, app;
         CREATE TABLE part (of text REFERENCES thing (code)); ALTER TABLE part OWNER TO thing_owner",
    )
    .await;
    db.govern_thing(|_| ()).await;
    let (client, owner) = (db.dba().await, db.connect("thing_owner").await);
    let refers = "INSERT INTO part VALUES ('O-1')";
    db.sql("BEGIN; ALTER TABLE thing OWNER TO keeper; GRANT ALL ON thing TO thing_owner; COMMIT")
        .await;
    assert_eq!(sqlstate(&owner.batch_execute(refers).await.unwrap_err()), "42501");
    db.sql("ALTER TABLE thing OWNER TO thing_owner").await;
    let folder = tempfile::tempdir().unwrap();
    examine(&db, "thing").await.write_packet(folder.path()).unwrap();
    for step in &plan::read(&[folder.path().to_owned()]).unwrap().steps {
        client.batch_execute(&step.does.text).await.unwrap();
    }
    owner.batch_execute(refers).await.unwrap();
    owner.batch_execute("CREATE TABLE other_part (of text REFERENCES thing (code))").await.unwrap();
}
