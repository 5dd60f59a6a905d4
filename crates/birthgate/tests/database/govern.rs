//! Governing a table and giving it back.

use birthgate::RefusalCode;
use birthgate::collection::{self, Govern, Mode};
use testkit::{Db, refusal};

fn govern(table: &str, code: &str) -> Govern {
    Govern {
        collection: "c".to_owned(),
        table: table.to_owned(),
        code_columns: vec![code.to_owned()],
        mode: Mode::Enforce,
        form: None,
        finalize: "required".to_owned(),
        critical: false,
        rule: None,
        replaces: Vec::new(),
        open_permits: false,
        bound_columns: Vec::new(),
    }
}

#[tokio::test]
async fn ungovern_gives_the_table_back_exactly() {
    let db = Db::birth().await;
    db.sql(
        "CREATE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
         CREATE TRIGGER trg_gate BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION legacy();
         CREATE TRIGGER trg_off BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION legacy();
         CREATE TRIGGER trg_always BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION legacy();
         ALTER TABLE thing DISABLE TRIGGER trg_off, ENABLE ALWAYS TRIGGER trg_always",
    )
    .await;
    let fingerprint = "SELECT birthgate.trigger_fingerprint('thing') || (SELECT array_agg(DISTINCT a::text ORDER BY a::text)
        FROM pg_class c, aclexplode(coalesce(relacl, acldefault('r', relowner))) a WHERE c.oid = 'thing'::regclass)::text
        || (SELECT count(*) FROM pg_attribute WHERE attrelid = 'thing'::regclass AND attacl IS NOT NULL AND attacl <> '{}')";
    let before: String = db.value(fingerprint).await;
    for form in ["statement", "row"] {
        db.govern_thing(|govern| {
            govern.form = Some(form.to_owned());
            govern.replaces = vec!["trg_gate".into(), "trg_off".into(), "trg_always".into()];
        })
        .await;
        assert_ne!(db.value::<String>(fingerprint).await, before);
        collection::ungovern(&mut db.dba().await, "thing").await.unwrap();
        assert_eq!(db.value::<String>(fingerprint).await, before, "{form}");
    }
    assert!(collection::list(&db.dba().await).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_governed_is_refused_with_the_reason() {
    let db = Db::birth().await;
    db.sql(
        "CREATE VIEW a_view AS SELECT * FROM thing;
         CREATE TABLE no_key (code text NOT NULL);
         CREATE TABLE partial_key (code text NOT NULL, x int); CREATE UNIQUE INDEX ON partial_key (code) WHERE x > 0;
         CREATE TABLE deferred_key (code text NOT NULL UNIQUE DEFERRABLE);
         CREATE TABLE nullable (code text UNIQUE);
         CREATE TABLE float_key (code float8 PRIMARY KEY);
         CREATE TABLE parent (code text PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
         CREATE TABLE secured (code text PRIMARY KEY); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
         CREATE TABLE parts (code text PRIMARY KEY) PARTITION BY LIST (code); CREATE TABLE part PARTITION OF parts DEFAULT",
    )
    .await;
    let mut dba = db.dba().await;
    for (table, reason) in [
        ("a_view", "ordinary"),
        ("no_key", "unique key"),
        ("partial_key", "unique key"),
        ("deferred_key", "unique key"),
        ("nullable", "NULL"),
        ("float_key", "type"),
        ("parent", "inheritance"),
        ("child", "inheritance"),
        ("secured", "row level security"),
        ("part", "partition"),
    ] {
        let error = collection::govern(&mut dba, &govern(table, "code")).await.unwrap_err();
        assert_eq!(error.refusal(), Some(RefusalCode::CannotGovern), "{table}: {error}");
        assert!(error.to_string().contains(reason), "{table}: {error}");
    }
    let no_column = collection::govern(&mut dba, &govern("thing", "nothing")).await;
    assert_eq!(refusal(no_column), RefusalCode::CannotGovern);
    let statement = Govern { form: Some("statement".into()), ..govern("parts", "code") };
    assert_eq!(refusal(collection::govern(&mut dba, &statement).await), RefusalCode::CannotGovern);
    assert_eq!(
        collection::govern(&mut dba, &govern("parts", "code")).await.unwrap().form.as_deref(),
        Some("row")
    );
    let twice = collection::govern(&mut dba, &govern("thing", "code")).await;
    assert_eq!(refusal(twice), RefusalCode::CannotGovern);
}

#[tokio::test]
async fn partitions_written_directly_are_gated() {
    let db = Db::birth().await;
    db.sql(
        "CREATE TABLE parts (code text PRIMARY KEY) PARTITION BY LIST (code);
         CREATE TABLE part PARTITION OF parts DEFAULT; GRANT SELECT, INSERT ON parts, part TO app",
    )
    .await;
    collection::govern(&mut db.dba().await, &govern("parts", "code")).await.unwrap();
    collection::grant(&db.dba().await, "c", "app", None).await.unwrap();
    let app = db.connect("app").await;
    for table in ["part", "parts"] {
        let refused = app.batch_execute(&format!("INSERT INTO {table} VALUES ('X-1')")).await;
        assert_eq!(testkit::sqlstate(&refused.unwrap_err()), "PB001", "{table}");
        app.batch_execute(&format!(
            "INSERT INTO {table} SELECT '{table}' FROM birthgate.permit_hold('c', '{table}')"
        ))
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn trust_names_who_owns_the_table() {
    let db = Db::birth().await;
    // thing_owner may log in, so the application could be it.
    let governed = db.govern_thing(|_| {}).await;
    assert_eq!(governed.trust, "detect-only: thing_owner owns the table");
    db.sql("ALTER TABLE thing OWNER TO postgres").await;
    assert_eq!(collection::list(&db.dba().await).await.unwrap()[0].trust, "enforced");
}

#[tokio::test]
async fn a_renamed_table_is_refused_until_it_is_rearmed() {
    let db = Db::governed("statement").await;
    db.sql("ALTER TABLE thing RENAME TO stuff").await;
    let app = db.connect("app").await;
    let moved = app.batch_execute("INSERT INTO stuff (code) VALUES ('A-1')").await.unwrap_err();
    assert_eq!(testkit::sqlstate(&moved), "PB019");
    let mut dba = db.dba().await;
    let rearmed = collection::rearm(&mut dba, "thing", None, None).await.unwrap();
    assert_eq!(rearmed.table, "public.stuff");
    app.batch_execute(
        "INSERT INTO stuff (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')",
    )
    .await
    .unwrap();
    db.sql("CREATE SCHEMA attic; GRANT USAGE ON SCHEMA attic TO app; ALTER TABLE stuff SET SCHEMA attic").await;
    collection::rearm(&mut dba, "thing", None, None).await.unwrap();
    let refused =
        app.batch_execute("INSERT INTO attic.stuff (code) VALUES ('A-2')").await.unwrap_err();
    assert_eq!(testkit::sqlstate(&refused), "PB001");
    // A dump restored without its triggers: the gate is gone, and comes back by name.
    db.sql("ALTER TABLE attic.stuff DISABLE TRIGGER ALL; DROP TRIGGER zz_birthgate_gate ON attic.stuff").await;
    collection::rearm(&mut dba, "thing", None, None).await.unwrap();
    let refused =
        app.batch_execute("INSERT INTO attic.stuff (code) VALUES ('A-2')").await.unwrap_err();
    assert_eq!(testkit::sqlstate(&refused), "PB001");
    collection::ungovern(&mut dba, "thing").await.unwrap();
    assert_eq!(db.value::<i64>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'attic.stuff'::regclass AND NOT tgisinternal").await, 0);
}

#[tokio::test]
async fn governing_waits_for_no_lock_for_long_and_gets_it_in_the_end() {
    let db = Db::birth().await;
    let holder = db.dba().await;
    holder.batch_execute("BEGIN; LOCK TABLE thing IN ROW EXCLUSIVE MODE").await.unwrap();
    let governing = tokio::spawn(async move {
        let governed = db.govern_thing(|_| {}).await;
        (db, governed)
    });
    // It has come, given up and will come again: its wait was seen, and was seen to end.
    let watch = "DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'thing'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) LOOP PERFORM pg_sleep(0.005); END LOOP;
        WHILE EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'thing'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) LOOP PERFORM pg_sleep(0.005); END LOOP; END $$";
    holder.batch_execute(watch).await.unwrap();
    assert!(!governing.is_finished());
    holder.batch_execute("COMMIT").await.unwrap();
    let (_db, governed) = governing.await.unwrap();
    assert_eq!(governed.mode, "enforce");
}
