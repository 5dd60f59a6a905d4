//! The decision about a key: what is against it is found, and what it writes can be rehearsed.

use birthgate::key_change::{self, KeyChange};
use birthgate::plan;
use birthgate::rehearsal::{self, Rows, Verdict};
use testkit::{Db, Server};

const TABLE: &str = "
    CREATE TABLE registry (id int PRIMARY KEY, code text NOT NULL UNIQUE, domain text);
    INSERT INTO registry VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, 'c', 'y');";

async fn decide(sql: &str, from: &str, to: &str) -> (Db, KeyChange) {
    let db = Db::empty().await;
    db.sql(TABLE).await;
    db.sql(sql).await;
    let columns = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let client = db.dba().await;
    let found =
        key_change::decide(&client, "registry", &columns(from), &columns(to), true).await.unwrap();
    (db, found)
}

#[tokio::test]
async fn what_is_against_a_key_is_found() {
    for (sql, to, reason) in [
        ("INSERT INTO registry VALUES (4, 'd', NULL)", "code,domain", "1 row has no whole new key"),
        ("SELECT 1", "domain", "1 new key has more than one row"),
        (
            "CREATE TABLE child (code text REFERENCES registry (code))",
            "code,domain",
            "child_code_fkey on child",
        ),
        (
            "ALTER TABLE registry REPLICA IDENTITY USING INDEX registry_code_key",
            "code,domain",
            "replica identity",
        ),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO registry VALUES (1, 'a', 'x') ON CONFLICT (code) DO UPDATE SET domain = 'z'; END $$",
            "code,domain",
            "23505",
        ),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'INSERT INTO registry VALUES (1) ON CONFLICT (code) DO NOTHING'; END $$",
            "code,domain",
            "makes SQL up",
        ),
        (
            "CREATE TABLE inbox (code text); CREATE RULE r AS ON INSERT TO inbox DO ALSO INSERT INTO registry VALUES (9, NEW.code) ON CONFLICT (code) DO NOTHING",
            "code,domain",
            "rule r on inbox",
        ),
        (
            "DROP TABLE registry; CREATE TABLE registry (code text NOT NULL UNIQUE, domain text) PARTITION BY LIST (code)",
            "domain",
            "partitioned by",
        ),
        (
            "DROP TABLE registry; CREATE TABLE registry (code text NOT NULL UNIQUE, domain text) PARTITION BY LIST (code)",
            "code,domain",
            "each partition",
        ),
    ] {
        let (_, found) = decide(sql, "code", to).await;
        assert_eq!(found.decision, "NOT_READY", "{sql}");
        let folder = tempfile::tempdir().unwrap();
        assert!(found.write_packet(folder.path()).is_err());
        assert!(found.reasons.iter().any(|one| one.contains(reason)), "{sql}: {:?}", found.reasons);
    }
    let (_, found) = decide("SELECT 1", "code", "domain").await;
    assert_eq!(found.samples, ["x (2 rows)"]);
    // A view may stand on a primary key by its GROUP BY.
    let (_, found) = decide(
        "CREATE VIEW counted AS SELECT id, code, count(*) FROM registry GROUP BY id",
        "id",
        "id,code",
    )
    .await;
    assert_eq!(
        (found.decision.as_str(), &found.views[..]),
        ("NOT_READY", &["counted".to_owned()][..])
    );
}

#[tokio::test]
async fn code_that_does_not_name_the_old_key_is_let_be() {
    let (_, found) = decide(
        "CREATE TABLE other (code text UNIQUE);
         CREATE UNIQUE INDEX registry_part ON registry (domain) WHERE domain = 'y';
         CREATE UNIQUE INDEX registry_lower ON registry (lower(code));
         CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO other VALUES ('registry') ON CONFLICT (code) DO NOTHING;
           INSERT INTO registry VALUES (1, 'a', 'x') ON CONFLICT (id) DO NOTHING;
           -- INSERT INTO registry VALUES (1) ON CONFLICT (code) DO NOTHING
           INSERT INTO registry VALUES (1, 'a', 'x') ON CONFLICT DO NOTHING; END $$",
        "code",
        "code,domain",
    )
    .await;
    assert_eq!((found.decision.as_str(), found.code.len()), ("COMPOSITE_READY", 0), "{found:#?}");
    assert_eq!(found.other_keys.len(), 2, "{found:#?}");
    assert_eq!(found.statements, None);
}

#[tokio::test]
async fn the_packet_of_a_key_change_passes_and_keeps_the_functions() {
    let (db, found) = decide(
        "CREATE FUNCTION by_columns() RETURNS void LANGUAGE sql AS $$ INSERT INTO public.registry VALUES (1, 'a', 'x') ON CONFLICT (code) DO NOTHING $$;
         CREATE FUNCTION by_name(text DEFAULT 'x') RETURNS void LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO registry AS r VALUES (1, 'a', 'x') ON CONFLICT ON CONSTRAINT registry_code_key DO NOTHING; END $$",
        "code",
        "code,domain",
    )
    .await;
    assert_eq!(found.decision, "COMPOSITE_READY", "{found:#?}");
    let names: Vec<&str> = found.code.iter().map(|code| code.name.as_str()).collect();
    assert_eq!(names, ["by_columns()", "by_name(text)"]);
    for code in &found.code {
        let patch = code.patch.as_ref().unwrap();
        assert!(patch.contains("ON CONFLICT DO NOTHING"), "{patch}");
    }
    let folder = tempfile::tempdir().unwrap();
    found.write_packet(folder.path()).unwrap();
    let plan = plan::read(&[folder.path().to_owned()]).unwrap();
    let options = rehearsal::Options { rows: Rows::All, ..crate::rehearsal::options() };
    let said = rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap();
    assert_eq!(said.verdict, Verdict::Pass, "{said:#?}");

    // Applied step by step, the functions keep their OIDs and work with two rows of one code.
    let oids =
        "SELECT string_agg(oid::text, ' ' ORDER BY proname) FROM pg_proc WHERE proname ~ '^by_'";
    let before: String = db.value(oids).await;
    for step in &plan.steps {
        let client = db.dba().await;
        for statement in &step.does.statements {
            client.batch_execute(step.does.text_of(statement)).await.unwrap();
        }
    }
    db.sql("INSERT INTO registry VALUES (4, 'a', 'y'); SELECT by_columns(), by_name()").await;
    assert_eq!(before, db.value::<String>(oids).await);
}

#[tokio::test]
async fn a_key_that_is_not_there_is_refused_in_words() {
    let db = Db::empty().await;
    db.sql(TABLE).await;
    db.sql("CREATE UNIQUE INDEX registry_part ON registry (domain) WHERE domain = 'y'").await;
    let client = db.dba().await;
    for (table, from, to, says) in [
        ("registry", "domain", "code", "over a part of the rows"),
        ("registry", "nothing", "code", "no column nothing"),
        ("nowhere", "code", "code", "is no table"),
    ] {
        let error = key_change::decide(&client, table, &[from.to_owned()], &[to.to_owned()], false)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn what_clients_have_sent_is_looked_at_where_the_server_keeps_it() {
    let server = Server::own(&[("shared_preload_libraries", "pg_stat_statements")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = testkit::connect(server.config("postgres", "postgres")).await;
        client.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
        client.batch_execute(TABLE).await.unwrap();
        for sql in [
            "INSERT INTO registry VALUES (1, 'a', 'x') ON CONFLICT (code) DO UPDATE SET domain = 'secret'",
            "INSERT INTO registry VALUES (1, 'a', 'x') ON CONFLICT (id) DO NOTHING",
        ] {
            client.batch_execute(sql).await.unwrap();
        }
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (from, to) = (columns(&["code"]), columns(&["code", "domain"]));
        let found = key_change::decide(&client, "registry", &from, &to, false).await.unwrap();
        let statements = found.statements.unwrap();
        assert_eq!(statements.len(), 1, "{statements:?}");
        assert!(!statements[0].contains("secret"), "{statements:?}");
        assert_eq!(found.decision, "NOT_READY");
        assert!(found.reasons.iter().any(|one| one.contains("a client sends")), "{:?}", found.reasons);
    });
}
