//! Installing and uninstalling.

use birthgate::{Error, collection, registry, schema};
use testkit::Db;

/// All of public that somebody else could see changed: columns, defaults, constraints, indexes,
/// triggers with their state, and who may do what.
const FINGERPRINT: &str = "
SELECT coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\"), '') FROM (
  SELECT format('column %s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)) AS line
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
   WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
  UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT format('index %s', pg_get_indexdef(indexrelid)) FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT format('trigger %s %s', pg_get_triggerdef(t.oid), tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
  UNION ALL SELECT format('function %s %s', p.oid::regprocedure, md5(prosrc)) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT format('grant %s %s %s %s', c.oid::regclass, grantee::regrole, privilege_type, is_grantable)
    FROM pg_class c, aclexplode(coalesce(relacl, acldefault('r', relowner))) WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
  UNION ALL SELECT format('grant %s.%s %s %s', attrelid::regclass, attname, grantee::regrole, privilege_type)
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid, aclexplode(attacl) WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT format('grant schema %s %s', grantee::regrole, privilege_type) FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) WHERE nspname = 'public'
) AS lines";

async fn estate() -> Db {
    let db = Db::empty().await;
    let mut progress = |_: &str, _, _| {};
    estate_kb_3a66::build(&db.dba().await, 0.01, &mut progress).await.unwrap();
    db
}

#[tokio::test]
async fn init_is_idempotent_and_refuses_a_newer_schema() {
    let db = Db::empty().await;
    let mut client = db.dba().await;
    let first = schema::init(&mut client).await.unwrap();
    assert_eq!((first.from, first.to), (None, schema::VERSION));
    let dump = "SELECT string_agg(md5(prosrc) || proacl::text || proowner::regrole, ' ' ORDER BY oid::regprocedure::text) FROM pg_proc WHERE pronamespace = 'birthgate'::regnamespace";
    let before: String = db.value(dump).await;
    let second = schema::init(&mut client).await.unwrap();
    assert_eq!(second.from, Some(schema::VERSION));
    assert_eq!(db.value::<String>(dump).await, before);
    // What was revoked stays revoked.
    db.sql("REVOKE EXECUTE ON FUNCTION birthgate.retire FROM birthgate_admitter").await;
    schema::init(&mut client).await.unwrap();
    assert!(!db.value::<bool>("SELECT has_function_privilege('birthgate_admitter', 'birthgate.retire(text, text, text, boolean)', 'EXECUTE')").await);
    db.sql("SET ROLE birthgate_owner; INSERT INTO birthgate.schema_version VALUES (99)").await;
    let newer = schema::init(&mut client).await;
    assert!(matches!(newer, Err(Error::NewerSchema { found: 99, .. })), "{newer:?}");
}

#[tokio::test]
async fn nothing_is_for_public() {
    let db = Db::birth().await;
    let open: i64 = db
        .value("SELECT count(*) FROM pg_proc WHERE pronamespace = 'birthgate'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')")
        .await;
    assert_eq!(open, 0);
    let stored_oids: i64 = db
        .value("SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'birthgate'::regnamespace AND relkind = 'r' AND attnum > 0 AND (atttypid = 'oid'::regtype OR format_type(atttypid, NULL) LIKE 'reg%')")
        .await;
    assert_eq!(stored_oids, 0);
}

#[tokio::test]
async fn two_databases_are_initialised_at_once() {
    let (one, other) = (Db::empty().await, Db::empty().await);
    let (mut one, mut other) = (one.dba().await, other.dba().await);
    let (one, other) = tokio::join!(schema::init(&mut one), schema::init(&mut other));
    assert_eq!((one.unwrap().to, other.unwrap().to), (schema::VERSION, schema::VERSION));
}

#[tokio::test]
async fn uninstall_gives_every_table_back_and_keeps_rows_and_births() {
    let db = estate().await;
    let before: String = db.value(FINGERPRINT).await;
    let mut client = db.dba().await;
    schema::init(&mut client).await.unwrap();
    registry::adopt(&mut client, "birth_registry", Some("registry_changelog")).await.unwrap();
    let dot_tools = collection::Govern {
        collection: "dot_tools".to_owned(),
        table: "dot_tools".to_owned(),
        code_columns: vec!["code".to_owned()],
        mode: collection::Mode::Enforce,
        form: None,
        finalize: "required".to_owned(),
        critical: true,
        rule: None,
        replaces: vec!["trg_birth_gate".to_owned()],
        open_permits: false,
        bound_columns: Vec::new(),
    };
    collection::govern(&mut client, &dot_tools).await.unwrap();
    collection::grant(&client, "dot_tools", "directus_app", None).await.unwrap();
    let app = db.connect("directus_app").await;
    app.batch_execute("INSERT INTO dot_tools (code, name, domain, verb) SELECT 'DOT-900', 'x', 'x', 'x' FROM birthgate.permit_hold('dot_tools', 'DOT-900')")
        .await
        .unwrap();
    assert_ne!(db.value::<String>(FINGERPRINT).await, before);

    schema::uninstall(&mut client, false).await.unwrap();
    assert_eq!(db.value::<String>(FINGERPRINT).await, before);
    let kept: String = db
        .value("SELECT b.status FROM birth_registry b JOIN dot_tools ON code = entity_code WHERE code = 'DOT-900'")
        .await;
    assert_eq!(kept, "born");
    let again = schema::uninstall(&mut client, false).await;
    assert!(matches!(again, Err(Error::NotInstalled)), "{again:?}");
}

#[tokio::test]
async fn uninstall_refuses_to_forget_retired_births() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    app.batch_execute(
        "INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')",
    )
    .await
    .unwrap();
    app.batch_execute("SELECT birthgate.retire('thing', 'A-1')").await.unwrap();
    let mut client = db.dba().await;
    let refused = schema::uninstall(&mut client, false).await;
    assert!(matches!(refused, Err(Error::RetiredBirths(1))), "{refused:?}");
    assert_eq!(registry::retired(&client).await.unwrap().len(), 1);
    schema::uninstall(&mut client, true).await.unwrap();
}

/// The installed schema as one text, which is the readable "now" of all migrations and functions.
/// Renew it with BIRTHGATE_UPDATE_DUMP=1 and read the difference.
#[tokio::test]
async fn the_committed_dump_is_the_installed_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema.dump.sql");
    let dump = Db::empty().await.dump_of_birthgate().await;
    if std::env::var_os("BIRTHGATE_UPDATE_DUMP").is_some() {
        std::fs::write(path, &dump).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(
        committed == dump,
        "sql/schema.dump.sql is out of date: BIRTHGATE_UPDATE_DUMP=1 cargo test -p birthgate"
    );
}

#[tokio::test]
async fn uninstalling_here_takes_nothing_from_another_database() {
    let (here, there) = (Db::governed("statement").await, Db::governed("statement").await);
    birthgate::schema::uninstall(&mut here.dba().await, false).await.unwrap();
    let app = there.connect("app").await;
    app.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"A\"}')").await.unwrap();
}
