//! Hostile writers, names and settings: refused, or harmless.

use birthgate::collection::{self, Govern, Mode};
use birthgate::registry;
use testkit::{Db, sqlstate};

const ROLES: [&str; 9] = [
    "app",
    "other_app",
    "cleaner",
    "writer",
    "birthgate_admitter",
    "birthgate_registrar",
    "birthgate_auditor",
    "birthgate_breakglass",
    "birthgate_reader",
];

#[tokio::test]
async fn no_role_writes_our_tables_directly() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    app.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"A\"}')").await.unwrap();
    app.batch_execute("SELECT birthgate.retire('thing', 'A')").await.unwrap();
    app.batch_execute("SELECT birthgate.admit('thing', '{\"code\": \"B\"}')").await.unwrap();
    // A row in every table, so that each has something to lose.
    db.sql(
        "SET ROLE birthgate_owner; SELECT birthgate.code_rule_set('thing', '.');
         INSERT INTO birthgate.stop (collection_name, reason) VALUES ('thing', 'a reason that is long');
         INSERT INTO birthgate.observed (collection_name, operation, refusal) VALUES ('thing', 'INSERT', 'PB001');
         INSERT INTO birthgate.block_rule SELECT 'x', name FROM birthgate.block_dimension;
         SELECT birthgate.block_observe('orphan_critical', 0);
         SELECT birthgate.permit_archive('infinity', 1);
         SELECT birthgate.baseline_put('{\"root\": \"\", \"major\": 1, \"instance\": \"\"}', '[{\"object\": \"o\", \"kind\": \"k\", \"hash\": \"h\", \"attributes\": {}}]');
         SELECT birthgate.decide_identity('thing', 'excluded', NULL, '{}');
         INSERT INTO birthgate.ddl_event (event, tag, role) VALUES ('sql_drop', 'DROP TABLE', 'app');
         INSERT INTO birthgate.schema_version (version) VALUES (0)",
    )
    .await;
    let tables: Vec<String> = db
        .value("SELECT array_agg(oid::regclass::text) FROM pg_class WHERE relnamespace IN ('birthgate'::regnamespace, 'birthgate_evidence'::regnamespace) AND relkind IN ('r', 'p') AND relname NOT LIKE 'finalization'")
        .await;
    assert!(tables.len() > 12, "{tables:?}");
    let root = db.dba().await;
    for role in ROLES {
        for table in &tables {
            let column: String = db
                .value(&format!("SELECT attname::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND attidentity = '' AND attgenerated = '' ORDER BY attnum LIMIT 1"))
                .await;
            for attack in [
                // A birth may be written as it was: legacy writers touch columns of their own.
                match table.as_str() {
                    "birthgate.birth_registry" => {
                        format!("UPDATE {table} SET status = 'born' WHERE status = 'finalized'")
                    }
                    _ => format!("UPDATE {table} SET {column} = {column}"),
                },
                format!("DELETE FROM {table}"),
                format!("TRUNCATE {table} CASCADE"),
                format!("INSERT INTO {table} SELECT * FROM {table}"),
                format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
                format!(
                    "CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
                ),
            ] {
                // The transaction is the role's own, so current_user and privileges are.
                root.batch_execute(&format!("BEGIN; SET LOCAL ROLE {role}")).await.unwrap();
                let outcome = root.batch_execute(&attack).await;
                root.batch_execute("ROLLBACK").await.unwrap();
                let error = outcome.expect_err(&format!("{role}: {attack}"));
                let code = sqlstate(&error);
                assert!(
                    ["42501", "PB012", "PB011", "428C9", "23505"].contains(&code),
                    "{role}: {attack}: {error:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn names_and_codes_may_be_anything() {
    let names = [
        "it's",
        "say \"hello\"",
        "new\nline",
        "tab\there",
        "per%cent %I %s",
        "back\\slash",
        "$1",
        "{curly}",
        "a.b",
        "ünï çødé",
        "раypal",
        "\u{202e}txet",
        "select",
        "naïve-63-bytes-naïve-63-bytes-naïve-63-bytes-naïve-63-b",
        " ",
    ];
    let db = Db::birth().await;
    let mut dba = db.dba().await;
    let app = db.connect("app").await;
    for (number, name) in names.into_iter().enumerate() {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        db.sql(&format!("CREATE SCHEMA {quoted}; GRANT USAGE ON SCHEMA {quoted} TO app; CREATE TABLE {quoted}.{quoted} ({quoted} text PRIMARY KEY); GRANT ALL ON {quoted}.{quoted} TO app")).await;
        let govern = Govern {
            collection: format!("{name}{number}"),
            table: format!("{quoted}.{quoted}"),
            code_columns: vec![name.to_owned()],
            mode: Mode::Enforce,
            form: (number % 2 == 0).then(|| "row".to_owned()),
            finalize: "required".to_owned(),
            critical: true,
            rule: None,
            replaces: Vec::new(),
            open_permits: false,
            bound_columns: Vec::new(),
        };
        let governed = collection::govern(&mut dba, &govern).await.unwrap();
        assert!(!governed.trust.starts_with("broken"), "{name}: {}", governed.trust);
        collection::grant(&dba, &govern.collection, "app", None).await.unwrap();
        for code in names {
            let refused = app
                .execute(&format!("INSERT INTO {quoted}.{quoted} VALUES ($1)"), &[&code])
                .await
                .unwrap_err();
            assert_eq!(sqlstate(&refused), "PB001", "{name:?} {code:?}: {refused:?}");
            app.query_one("SELECT birthgate.permit_hold($1, $2)", &[&govern.collection, &code])
                .await
                .unwrap();
            app.execute(&format!("INSERT INTO {quoted}.{quoted} VALUES ($1)"), &[&code])
                .await
                .unwrap();
        }
        collection::rearm(&mut dba, &govern.collection, None, None).await.unwrap();
        app.query_one(
            "SELECT birthgate.rename($1, $2, 'another')",
            &[&govern.collection, &names[0]],
        )
        .await
        .unwrap();
        app.query_one("SELECT birthgate.retire($1, $2)", &[&govern.collection, &names[1]])
            .await
            .unwrap();
        let born = db
            .value::<i64>(
                "SELECT count(*) FROM birthgate.birth_registry WHERE status = 'finalized'",
            )
            .await;
        assert_eq!(born, (number as i64 + 1) * (names.len() as i64 - 1));
    }
    assert_eq!(registry::reconcile(&dba, None).await.unwrap(), []);
    for (number, name) in names.into_iter().enumerate() {
        collection::ungovern(&mut dba, &format!("{name}{number}")).await.unwrap();
    }
    assert_eq!(
        db.value::<i64>("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz\\_birthgate\\_g%'")
            .await,
        0
    );
}

#[tokio::test]
async fn settings_and_shadows_change_nothing() {
    for form in ["statement", "row"] {
        let db = Db::governed(form).await;
        let app = db.connect("app").await;
        // Functions, operators, casts and tables of the same names, found first wherever a path is followed.
        app.batch_execute(
            "CREATE FUNCTION evil.cardinality(anyarray) RETURNS int LANGUAGE sql AS 'SELECT 0';
             CREATE FUNCTION evil.array_agg_is(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''-infinity''::timestamptz';
             CREATE FUNCTION evil.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT ''SELECT 1''';
             CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.array_agg_is);
             CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.array_agg_is);
             CREATE TEMP TABLE collection (collection_name text); CREATE TEMP TABLE birth_admission_permit (id bigint);
             CREATE TEMP TABLE pg_roles (rolname text)",
        )
        .await
        .unwrap();
        for settings in [
            "SET search_path = evil, pg_temp, public",
            "SET search_path = pg_temp, evil, birthgate, public, pg_catalog",
            "SET plpgsql.check_asserts = off",
            "SET TimeZone = 'Pacific/Apia'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape'; SET extra_float_digits = -15",
            "SET standard_conforming_strings = off; SET backslash_quote = on; SET quote_all_identifiers = on; SET transform_null_equals = on",
            "SET row_security = off; SET constraint_exclusion = off; SET enable_indexscan = off; SET enable_nestloop = off; SET jit_above_cost = 0",
            "SET default_transaction_isolation = 'serializable'",
            "SET client_encoding = 'LATIN1'; SET array_nulls = off; SET gin_fuzzy_search_limit = 1",
        ] {
            app.batch_execute("RESET ALL").await.unwrap();
            app.batch_execute(settings).await.unwrap();
            let code = format!("N-{}", settings.len());
            let refused = app
                .batch_execute(&format!("INSERT INTO public.thing (code) VALUES ('{code}')"))
                .await;
            assert_eq!(sqlstate(&refused.unwrap_err()), "PB001", "{form}: {settings}");
            app.batch_execute(&format!("INSERT INTO public.thing (code) SELECT '{code}' FROM birthgate.permit_hold('thing', '{code}')")).await.unwrap();
            let refused = app
                .batch_execute(&format!(
                    "DELETE FROM public.thing WHERE code OPERATOR(pg_catalog.=) '{code}'"
                ))
                .await;
            assert_eq!(sqlstate(&refused.unwrap_err()), "PB008", "{form}: {settings}");
        }
        let found = registry::reconcile(&db.dba().await, Some("thing")).await.unwrap();
        assert_eq!(found.len(), 1, "only the old row: {found:?}");
    }
}

/// A table's owner can put a type of its own where the gate reads a column. Its casts are the owner's, and the gate would run
/// them as birthgate_owner.
#[tokio::test]
async fn a_type_of_one_s_own_runs_nothing_as_ours() {
    let types = "CREATE TYPE evil.kind AS ENUM ('x'); CREATE DOMAIN evil.of_it AS evil.kind;
        CREATE FUNCTION evil.words(evil.kind) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'as %', current_user; END$$;
        CREATE FUNCTION evil.document(evil.kind) RETURNS json LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'as %', current_user; END$$;
        CREATE CAST (evil.kind AS text) WITH FUNCTION evil.words(evil.kind) AS IMPLICIT;
        CREATE CAST (evil.kind AS json) WITH FUNCTION evil.document(evil.kind)";
    for form in ["statement", "row"] {
        for column in ["code", "name"] {
            for own in ["evil.kind", "evil.of_it"] {
                let db = Db::birth().await;
                db.govern_thing(|govern| {
                    govern.form = Some(form.to_owned());
                    govern.bound_columns = vec!["name".to_owned()];
                })
                .await;
                let owner = db.connect("thing_owner").await;
                owner.batch_execute(types).await.unwrap();
                owner
                    .batch_execute(&format!(
                        "ALTER TABLE thing RENAME {column} TO old; ALTER TABLE thing ALTER old DROP NOT NULL; ALTER TABLE thing ADD {column} {own}"
                    ))
                    .await
                    .unwrap();
                for does in
                    ["INSERT INTO thing (code, name) VALUES ('x', 'x')", "DELETE FROM thing"]
                {
                    let error = owner.batch_execute(does).await.expect_err(does);
                    assert_eq!(sqlstate(&error), "PB019", "{form} {column} {own}: {error:?}");
                }
            }
        }
    }
}
