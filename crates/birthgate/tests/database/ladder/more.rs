//! The other ways up: an adopted registry, a dimension's query, an old snapshot, names that stand nearer, a superuser who writes.

use birthgate::{Error, RefusalCode, block, collection, registry, schema};
use testkit::{Db, refusal};
use tokio_postgres::Client;

use super::{Climbs, POWERS, RAN_AS, Victims, server_of_ladders};

const REGISTRY: &str = "SET SESSION AUTHORIZATION thing_owner;
    CREATE TABLE public.registry (id bigserial PRIMARY KEY, entity_code text NOT NULL, collection_name text, status text NOT NULL DEFAULT 'born',
      born_at timestamptz NOT NULL DEFAULT now(), UNIQUE (entity_code, collection_name))";
const BIRTH: &str =
    "INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')";
const ON_ROW: &str =
    "CREATE TRIGGER t BEFORE INSERT ON public.registry FOR EACH ROW EXECUTE FUNCTION evil.on_row()";
const OWNER: &str =
    "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'public.registry'::regclass";

async fn ran(db: &Db) -> Vec<String> {
    db.value::<Option<Vec<String>>>(RAN_AS).await.unwrap_or_default()
}

#[tokio::test]
async fn an_adopted_registry_is_no_ladder() {
    let victims = Victims::new("statement", Climbs::Nowhere).await;
    let db = &victims.db;
    db.sql(REGISTRY).await;
    let mut dba = db.database("postgres").connect().await.unwrap();
    // What hangs on it already, or could be hung on it, is refused by name.
    for (before, after) in [
        (ON_ROW, "DROP TRIGGER t ON registry"),
        ("CREATE INDEX i ON registry ((status || evil.folded('x')))", "DROP INDEX i"),
        (
            "ALTER TABLE registry ALTER status SET DEFAULT evil.climbed('born')",
            "ALTER TABLE registry ALTER status SET DEFAULT 'born'",
        ),
        (
            "ALTER TABLE registry ADD CONSTRAINT c CHECK (evil.climbed(status) <> '')",
            "ALTER TABLE registry DROP CONSTRAINT c",
        ),
        ("ALTER TABLE registry ADD origin evil.checked", "ALTER TABLE registry DROP origin"),
        (
            "CREATE RULE r AS ON UPDATE TO registry DO ALSO SELECT evil.climb()",
            "DROP RULE r ON registry",
        ),
        ("GRANT TRIGGER ON registry TO app", "REVOKE TRIGGER ON registry FROM app"),
    ] {
        victims.owner.batch_execute(before).await.unwrap();
        let outcome = registry::adopt(&mut dba, "public.registry", None).await;
        assert_eq!(refusal(outcome), RefusalCode::CannotGovern, "{before}");
        victims.owner.batch_execute(after).await.unwrap();
    }
    registry::adopt(&mut dba, "public.registry", None).await.unwrap();
    assert_eq!(db.value::<String>(OWNER).await, "birthgate_owner");
    // Its owner of before goes on to write it, and can hang nothing on it.
    victims
        .owner
        .batch_execute(
            "INSERT INTO registry (entity_code, collection_name) VALUES ('L-1', 'legacy')",
        )
        .await
        .unwrap();
    assert!(victims.owner.batch_execute(ON_ROW).await.is_err());
    victims.owner.batch_execute(BIRTH).await.unwrap();
    assert!(ran(db).await.is_empty());

    // An earlier version left it to its owner: the guard without which it is a ladder.
    let earlier = "ALTER TABLE public.registry OWNER TO thing_owner; SET ROLE birthgate_owner; UPDATE birthgate.instance SET registry_owner = NULL; RESET ROLE;
        GRANT ALL ON public.registry, public.registry_id_seq TO birthgate_owner";
    db.sql(earlier).await;
    victims.owner.batch_execute(ON_ROW).await.unwrap();
    let listed = collection::list(&dba).await.unwrap();
    assert!(
        listed[0].trust.contains("birthgate_owner, and the trigger t calls evil.on_row()"),
        "{}",
        listed[0].trust
    );
    victims.owner.batch_execute(&BIRTH.replace("A-1", "A-2")).await.unwrap();
    assert_eq!(ran(db).await, ["ran_as_birthgate_owner"]);
    // `init` mends it, or says what is to be taken off first.
    assert_eq!(refusal(schema::init(&mut dba).await), RefusalCode::CannotGovern);
    victims.owner.batch_execute("DROP TRIGGER t ON registry").await.unwrap();
    schema::init(&mut dba).await.unwrap();
    assert_eq!(db.value::<String>(OWNER).await, "birthgate_owner");

    collection::ungovern(&mut dba, "thing").await.unwrap();
    schema::uninstall(&mut dba, true).await.unwrap();
    assert_eq!(db.value::<String>(OWNER).await, "thing_owner");
    victims
        .owner
        .batch_execute(
            "INSERT INTO registry (entity_code, collection_name) VALUES ('L-2', 'legacy')",
        )
        .await
        .unwrap();
}

/// What a dimension's query reads may run as birthgate_reader, and as nobody else: neither by SET ROLE nor later in the session.
#[tokio::test]
async fn a_dimension_is_counted_as_the_reader_alone() {
    let victims = Victims::new("statement", Climbs::Nowhere).await;
    let (db, owner) = (&victims.db, &victims.owner);
    owner
        .batch_execute(
            "CREATE FUNCTION evil.count() RETURNS bigint LANGUAGE plpgsql AS $$
             BEGIN
               BEGIN EXECUTE 'SET ROLE postgres'; EXCEPTION WHEN OTHERS THEN NULL; END;
               BEGIN EXECUTE 'RESET ROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;
               BEGIN EXECUTE 'SET search_path = evil, pg_catalog'; EXECUTE 'SET statement_timeout = 0'; EXCEPTION WHEN OTHERS THEN NULL; END;
               BEGIN EXECUTE 'DECLARE later CURSOR WITH HOLD FOR SELECT evil.climb()'; EXCEPTION WHEN OTHERS THEN NULL; END;
               RETURN CASE current_user WHEN 'birthgate_reader' THEN 1 ELSE 2 END;
             END $$;
             CREATE VIEW evil.counted AS SELECT evil.count() AS n; GRANT SELECT ON evil.counted TO birthgate_reader; GRANT USAGE ON SCHEMA evil TO PUBLIC",
        )
        .await
        .unwrap();
    db.sql("SELECT birthgate.block_dimension_put('evil', 'x', 'SELECT n FROM evil.counted', 0, '1 hour', '{}')").await;
    let mut dba = db.database("postgres").connect().await.unwrap();
    let path = async |client: &Client| -> String {
        client.query_one("SHOW search_path", &[]).await.unwrap().get(0)
    };
    let before = path(&dba).await;
    block::count_all(&mut dba).await.unwrap();
    let counted = async || -> Option<i64> {
        let all = block::list(&db.dba().await).await.unwrap();
        all.into_iter().find(|one| one.name == "evil").unwrap().value
    };
    assert_eq!(counted().await, Some(1));
    assert_eq!(path(&dba).await, before);
    assert!(ran(db).await.is_empty());
    // The very mistake: to take the role in the session, which whoever is called can give back.
    dba.batch_execute("BEGIN; SET LOCAL ROLE birthgate_reader").await.unwrap();
    let as_a_session: i64 = dba.query_one("SELECT n FROM evil.counted", &[]).await.unwrap().get(0);
    dba.batch_execute("COMMIT").await.unwrap();
    assert_eq!((as_a_session, ran(db).await), (2, vec!["ran_as_postgres".to_owned()]));
    // And only where nothing can be written.
    let refused = db.dba().await.batch_execute("SELECT birthgate.block_count('evil')").await;
    assert_eq!(testkit::sqlstate(&refused.unwrap_err()), "PB025");
}

/// Whoever began before the type was changed sees the old one in the catalogs, and the trigger gets rows of the new one.
#[tokio::test]
async fn an_old_snapshot_is_no_ladder() {
    for form in ["statement", "row"] {
        for without_guard in [false, true] {
            let climbs = if without_guard { Climbs::Nowhere } else { Climbs::Far };
            let victims = Victims::new(form, climbs).await;
            let db = &victims.db;
            if without_guard {
                db.sql("CREATE OR REPLACE FUNCTION birthgate.governed(p_relid oid, p_collection text) RETURNS birthgate.collection LANGUAGE sql AS 'SELECT * FROM birthgate.collection WHERE collection_name = p_collection'").await;
            }
            let before: String = db.value(POWERS).await;
            victims.owner.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT birthgate.permit_hold('thing', 'A-1')").await.unwrap();
            let other = db.connect("thing_owner").await;
            other
                .batch_execute("ALTER TABLE thing RENAME code TO old; ALTER TABLE thing ALTER old DROP NOT NULL; ALTER TABLE thing ADD code evil.box")
                .await
                .unwrap();
            let _ = victims
                .owner
                .batch_execute("INSERT INTO thing (code) VALUES (ROW('A-1')::evil.box); COMMIT")
                .await;
            if without_guard {
                assert_eq!(ran(db).await, ["ran_as_birthgate_owner"], "{form}");
            } else {
                assert!(ran(db).await.is_empty(), "{form}");
                assert_eq!(db.value::<String>(POWERS).await, before, "{form}");
            }
        }
    }
}

#[tokio::test]
async fn names_that_stand_nearer_are_not_ours() {
    let victims = Victims::new("statement", Climbs::Nowhere).await;
    let (db, owner) = (&victims.db, &victims.owner);
    owner
        .batch_execute("CREATE FUNCTION public.format(text, text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.climb(); RETURN 'x.y'; END $$")
        .await
        .unwrap();
    collection::list(&db.database("postgres").connect().await.unwrap()).await.unwrap();
    assert!(ran(db).await.is_empty());
    // A session whose names are looked up elsewhere first finds it.
    collection::list(&db.database("postgres").connect_for_others().await.unwrap()).await.unwrap();
    assert_eq!(ran(db).await, ["ran_as_postgres"]);
}

#[tokio::test]
async fn somebody_elses_schema_of_our_name_is_not_called() {
    let db = Db::empty_on(server_of_ladders().await).await;
    db.sql("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO thing_owner', current_database()); END $$").await;
    let owner = db.connect("thing_owner").await;
    owner
        .batch_execute("CREATE SCHEMA birthgate; CREATE TABLE birthgate.schema_version (version integer); INSERT INTO birthgate.schema_version VALUES (1)")
        .await
        .unwrap();
    let mut dba = db.database("postgres").connect().await.unwrap();
    let found = schema::installed_version(&dba).await;
    assert!(
        matches!(&found, Err(Error::SomebodyElses { owner }) if owner == "thing_owner"),
        "{found:?}"
    );
    let made = schema::init(&mut dba).await;
    assert!(matches!(&made, Err(Error::SomebodyElses { .. })), "{made:?}");
    owner
        .batch_execute("ALTER SCHEMA birthgate RENAME TO mine; CREATE SCHEMA birthgate_look")
        .await
        .unwrap();
    assert_eq!(refusal(schema::init(&mut dba).await), RefusalCode::CannotGovern);
    owner.batch_execute("DROP SCHEMA birthgate_look").await.unwrap();
    schema::init(&mut dba).await.unwrap();
}

#[tokio::test]
async fn a_superuser_writes_no_table_whose_triggers_are_somebody_elses() {
    let victims = Victims::new("statement", Climbs::Nowhere).await;
    let (db, dba) = (&victims.db, &victims.dba);
    db.sql("SELECT birthgate.admission_grant_set('postgres', 'thing')").await;
    dba.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"A-1\"}')").await.unwrap();
    victims.owner.batch_execute("CREATE TRIGGER t AFTER INSERT OR DELETE OR UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION evil.on_row()").await.unwrap();
    let refused =
        async |sql: &str| testkit::sqlstate(&dba.batch_execute(sql).await.unwrap_err()).to_owned();
    for sql in [
        "SELECT birthgate.admit('thing', '{\"code\": \"A-2\"}')",
        "SELECT birthgate.admit_many('thing', '[{\"code\": \"A-2\"}]', ARRAY['k'])",
        "SELECT birthgate.rename('thing', 'A-1', 'A-3')",
        "SELECT birthgate.retire('thing', 'A-1')",
    ] {
        assert_eq!(refused(sql).await, "PB016", "{sql}");
    }
    assert!(ran(db).await.is_empty());
    // Whoever is no superuser has only their own rights to lose.
    db.connect("app")
        .await
        .batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"A-4\"}')")
        .await
        .unwrap();
    dba.batch_execute(
        "INSERT INTO public.thing (code) SELECT 'A-2' FROM birthgate.permit_hold('thing', 'A-2')",
    )
    .await
    .unwrap();
    assert_eq!(ran(db).await, ["ran_as_postgres"]);
}
