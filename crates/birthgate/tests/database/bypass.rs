//! The ways around the gate that were seen to work against naive ones. Each attack is run twice: on our
//! gate, where it must do no harm, and on our gate with the one guard removed that stops it, where it
//! must succeed. An attack that succeeds in neither would prove nothing.
//!
//! Not prevented, but detected later (a table's owner or a superuser does them): DISABLE or DROP TRIGGER,
//! CREATE OR REPLACE of a trigger or of its function, writes on pg_trigger and pg_proc, ALTER COLUMN TYPE …
//! USING, a table swapped under its name, INHERITS and ATTACH PARTITION with rows, rules, SET UNLOGGED.
//! Left to reconciliation: pg_restore --disable-triggers, single-user mode.

use testkit::{Db, server};

struct Attack {
    name: &'static str,
    /// The least privileged role that can try it.
    role: &'static str,
    /// What is there before, made by the superuser.
    setup: &'static str,
    /// One message each; the rest is tried even when one fails, as a hostile client would.
    statements: &'static [&'static str],
    /// Removes the one guard that stops it.
    without: &'static str,
    /// True when the harm is done.
    harm: &'static str,
    /// The oldest version that knows the syntax.
    since: u32,
}

const HOLD_AND_INSERT: &str =
    "INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')";
const SPENT_FOR_NOTHING: &str = "SELECT EXISTS (SELECT FROM birthgate.birth_admission_permit
   WHERE entity_code = 'A-1' AND state IN ('CONSUMED', 'FINALIZED'))
   AND NOT EXISTS (SELECT FROM thing WHERE code = 'A-1')";
const ROW_X: &str = "SELECT EXISTS (SELECT FROM thing WHERE code = 'X-1')";
const NO_GATE: &str = "DROP TRIGGER zz_birthgate_gate ON thing";
const NO_DELETE_GUARD: &str = "DROP TRIGGER zz_birthgate_guard_delete ON thing";
const NO_KEY_GUARD: &str = "DROP TRIGGER zz_birthgate_guard_key ON thing";
const BORN_A: &str = "SET SESSION AUTHORIZATION app; INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')";
const UNDO: &str = "CREATE FUNCTION pg_temp.undo() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM public.thing WHERE code = 'A-1'; RETURN 1; END $$";

const DEFAULT: Attack = Attack {
    name: "",
    role: "app",
    setup: "",
    statements: &[],
    without: "",
    harm: ROW_X,
    since: 14,
};

const ATTACKS: &[Attack] = &[
    Attack {
        name: "a plain insert",
        statements: &["INSERT INTO thing (code) VALUES ('X-1')"],
        without: NO_GATE,
        ..DEFAULT
    },
    Attack {
        name: "a row without a permit among rows with one",
        statements: &[
            "SELECT birthgate.permit_hold('thing', 'A-1')",
            "INSERT INTO thing (code) VALUES ('A-1'), ('X-1')",
        ],
        without: NO_GATE,
        ..DEFAULT
    },
    Attack {
        name: "an insert inside a CTE",
        statements: &["WITH i AS (INSERT INTO thing (code) VALUES ('X-1') RETURNING 1) SELECT * FROM i"],
        without: NO_GATE,
        ..DEFAULT
    },
    Attack {
        name: "MERGE that inserts",
        statements: &["MERGE INTO thing t USING (VALUES ('X-1')) v(c) ON t.code = v.c WHEN NOT MATCHED THEN INSERT (code) VALUES (v.c)"],
        without: NO_GATE,
        since: 15,
        ..DEFAULT
    },
    Attack {
        name: "an updatable view",
        setup: "CREATE VIEW evil.v AS SELECT code FROM thing; GRANT INSERT ON evil.v TO app",
        statements: &["INSERT INTO evil.v VALUES ('X-1')"],
        without: NO_GATE,
        ..DEFAULT
    },
    Attack {
        name: "a permit that is only requested",
        statements: &[
            "SELECT birthgate.permit_request('thing', 'X-1')",
            "INSERT INTO thing (code) VALUES ('X-1')",
        ],
        without: "CREATE OR REPLACE FUNCTION birthgate.permit_is_spendable(p_state text, p_expires_at timestamptz, p_holder text, p_login name, p_now timestamptz) RETURNS boolean LANGUAGE sql RETURN p_state IN ('REQUESTED', 'RESERVED');
                  DROP TRIGGER permit_guard_update ON birthgate.birth_admission_permit;
                  ALTER TABLE birthgate.birth_admission_permit DROP CONSTRAINT permit_way",
        ..DEFAULT
    },
    Attack {
        name: "somebody else's permit",
        role: "other_app",
        setup: "SET SESSION AUTHORIZATION app; SELECT birthgate.permit_hold('thing', 'X-1')",
        statements: &["INSERT INTO thing (code) VALUES ('X-1')"],
        without: "CREATE OR REPLACE FUNCTION birthgate.permit_is_spendable(p_state text, p_expires_at timestamptz, p_holder text, p_login name, p_now timestamptz) RETURNS boolean LANGUAGE sql RETURN p_state = 'RESERVED' AND p_expires_at > p_now",
        ..DEFAULT
    },
    Attack {
        name: "a permit used twice in one transaction",
        statements: &[
            "BEGIN",
            HOLD_AND_INSERT,
            "INSERT INTO thing (code) VALUES ('X-1')",
            "COMMIT",
        ],
        without: NO_GATE,
        ..DEFAULT
    },
    Attack {
        name: "SET CONSTRAINTS ALL IMMEDIATE, then DELETE",
        statements: &[
            "BEGIN",
            HOLD_AND_INSERT,
            "SET CONSTRAINTS ALL IMMEDIATE",
            "DELETE FROM thing WHERE code = 'A-1'",
            "COMMIT",
        ],
        without: NO_DELETE_GUARD,
        harm: SPENT_FOR_NOTHING,
        ..DEFAULT
    },
    Attack {
        name: "SET CONSTRAINTS in a savepoint that is rolled back, then DELETE",
        statements: &[
            "BEGIN",
            HOLD_AND_INSERT,
            "SAVEPOINT s",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "ROLLBACK TO s",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "DELETE FROM thing WHERE code = 'A-1'",
            "COMMIT",
        ],
        without: NO_DELETE_GUARD,
        harm: SPENT_FOR_NOTHING,
        ..DEFAULT
    },
    Attack {
        name: "a deferred trigger of one's own that deletes after ours",
        statements: &[
            "CREATE TEMP TABLE later (x int)",
            "CREATE FUNCTION pg_temp.undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM public.thing WHERE code = 'A-1'; RETURN NULL; END $$",
            "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.undo()",
            "BEGIN",
            HOLD_AND_INSERT,
            "INSERT INTO later VALUES (1)",
            "COMMIT",
        ],
        without: NO_DELETE_GUARD,
        harm: SPENT_FOR_NOTHING,
        ..DEFAULT
    },
    Attack {
        name: "a cursor WITH HOLD that deletes after the deferred triggers",
        statements: &[
            UNDO,
            "BEGIN",
            HOLD_AND_INSERT,
            "DECLARE c CURSOR WITH HOLD FOR SELECT pg_temp.undo()",
            "COMMIT",
        ],
        without: NO_DELETE_GUARD,
        harm: SPENT_FOR_NOTHING,
        ..DEFAULT
    },
    Attack {
        name: "deleting what is born, without a retire permit",
        setup: BORN_A,
        statements: &["DELETE FROM thing WHERE code = 'A-1'"],
        without: NO_DELETE_GUARD,
        harm: SPENT_FOR_NOTHING,
        ..DEFAULT
    },
    Attack {
        name: "deleting a row that has no birth",
        statements: &["DELETE FROM thing WHERE code = 'O-1'"],
        without: NO_DELETE_GUARD,
        harm: "SELECT NOT EXISTS (SELECT FROM thing WHERE code = 'O-1')",
        ..DEFAULT
    },
    Attack {
        name: "a delete that cascades onto a governed row",
        setup: "CREATE TABLE parent (name text PRIMARY KEY); INSERT INTO parent VALUES ('old'); GRANT DELETE, SELECT ON parent TO app;
                ALTER TABLE thing ADD FOREIGN KEY (name) REFERENCES parent ON DELETE CASCADE",
        statements: &["DELETE FROM parent"],
        without: NO_DELETE_GUARD,
        harm: "SELECT NOT EXISTS (SELECT FROM thing WHERE code = 'O-1')",
        ..DEFAULT
    },
    Attack {
        name: "insert and delete in one transaction, seen by the deferred check alone",
        setup: NO_DELETE_GUARD,
        statements: &["BEGIN", HOLD_AND_INSERT, "DELETE FROM thing WHERE code = 'A-1'", "COMMIT"],
        without: "ALTER TABLE birthgate.finalization DISABLE TRIGGER finalize",
        harm: SPENT_FOR_NOTHING,
        ..DEFAULT
    },
    Attack {
        name: "insert and key change in one transaction, seen by the deferred check alone",
        setup: NO_KEY_GUARD,
        statements: &["BEGIN", HOLD_AND_INSERT, "UPDATE thing SET code = 'X-1' WHERE code = 'A-1'", "COMMIT"],
        without: "ALTER TABLE birthgate.finalization DISABLE TRIGGER finalize",
        ..DEFAULT
    },
    Attack {
        name: "changing a key",
        setup: BORN_A,
        statements: &["UPDATE thing SET code = 'X-1' WHERE code = 'A-1'"],
        without: NO_KEY_GUARD,
        ..DEFAULT
    },
    Attack {
        name: "changing the key of a row without a birth",
        statements: &["UPDATE thing SET code = 'X-1' WHERE code = 'O-1'"],
        without: NO_KEY_GUARD,
        ..DEFAULT
    },
    Attack {
        name: "changing a key by MERGE",
        statements: &["MERGE INTO thing t USING (VALUES (1)) v ON t.code = 'O-1' WHEN MATCHED THEN UPDATE SET code = 'X-1'"],
        without: NO_KEY_GUARD,
        since: 15,
        ..DEFAULT
    },
    Attack {
        name: "changing a key by ON CONFLICT DO UPDATE",
        statements: &["INSERT INTO thing (code) VALUES ('O-1') ON CONFLICT (code) DO UPDATE SET code = 'X-1'"],
        without: NO_KEY_GUARD,
        ..DEFAULT
    },
    Attack {
        name: "an update of another column under a BEFORE trigger that changes the key",
        setup: "CREATE FUNCTION evil.rekey() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.code := 'X-1'; RETURN NEW; END $$;
                CREATE TRIGGER aaa BEFORE UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION evil.rekey()",
        statements: &["UPDATE thing SET name = 'new' WHERE code = 'O-1'"],
        // The very mistake: a column list sees what the statement names, not what a trigger sets.
        without: "DROP TRIGGER zz_birthgate_guard_key ON thing;
                  CREATE TRIGGER zz_birthgate_guard_key AFTER UPDATE OF code ON thing FOR EACH ROW EXECUTE FUNCTION birthgate.guard_key('thing')",
        ..DEFAULT
    },
    Attack {
        name: "a later BEFORE trigger that changes the key of an insert",
        setup: "CREATE FUNCTION evil.rekey() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.code := 'X-1'; RETURN NEW; END $$;
                CREATE TRIGGER zzz BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION evil.rekey()",
        statements: &[HOLD_AND_INSERT],
        without: NO_GATE,
        ..DEFAULT
    },
    Attack {
        name: "ON CONFLICT DO NOTHING over an older row: a permit spent, and nothing inserted",
        statements: &["INSERT INTO thing (code) SELECT 'O-1' FROM birthgate.permit_hold('thing', 'O-1') ON CONFLICT DO NOTHING"],
        // The very mistake: to consume in a BEFORE trigger.
        without: "CREATE FUNCTION birthgate.before() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                    BEGIN PERFORM birthgate.admit_rows(c, ARRAY[NEW.code], NULL) FROM birthgate.collection c; RETURN NEW; END $$;
                  ALTER FUNCTION birthgate.before() OWNER TO birthgate_owner;
                  DROP TRIGGER zz_birthgate_gate ON thing;
                  CREATE TRIGGER zz_birthgate_gate BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION birthgate.before()",
        harm: "SELECT EXISTS (SELECT FROM birthgate.birth_admission_permit WHERE entity_code = 'O-1' AND state = 'FINALIZED')",
        ..DEFAULT
    },
    Attack {
        name: "TRUNCATE",
        role: "cleaner",
        statements: &["TRUNCATE thing"],
        without: "DROP TRIGGER zz_birthgate_guard_truncate ON thing",
        harm: "SELECT NOT EXISTS (SELECT FROM thing)",
        ..DEFAULT
    },
    Attack {
        name: "an insert under session_replication_role = replica",
        role: "postgres",
        statements: &["SET session_replication_role = replica", "INSERT INTO thing (code) VALUES ('X-1')"],
        without: "ALTER TABLE thing ENABLE TRIGGER zz_birthgate_gate",
        ..DEFAULT
    },
    Attack {
        name: "a delete under session_replication_role = replica",
        role: "postgres",
        statements: &["SET session_replication_role = replica", "DELETE FROM thing WHERE code = 'O-1'"],
        without: "ALTER TABLE thing ENABLE TRIGGER zz_birthgate_guard_delete",
        harm: "SELECT NOT EXISTS (SELECT FROM thing WHERE code = 'O-1')",
        ..DEFAULT
    },
    Attack {
        name: "functions that shadow those of pg_catalog",
        setup: "CREATE FUNCTION evil.cardinality(anyarray) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        statements: &["SET search_path = evil, pg_catalog, public", "INSERT INTO thing (code) VALUES ('X-1')"],
        // Both pins, since each function sets its own.
        without: "ALTER FUNCTION birthgate.gate_statement() RESET search_path; ALTER FUNCTION birthgate.gate_row() RESET search_path;
                  ALTER FUNCTION birthgate.admit_in_mode RESET search_path; ALTER FUNCTION birthgate.admit_rows RESET search_path",
        ..DEFAULT
    },
    Attack {
        name: "the gate's function on a table of one's own",
        setup: "GRANT USAGE ON SCHEMA birthgate TO other_app",
        role: "other_app",
        statements: &[
            "CREATE TABLE evil.mine (code text)",
            "CREATE TRIGGER t AFTER INSERT ON evil.mine FOR EACH ROW EXECUTE FUNCTION birthgate.gate_row('thing')",
        ],
        without: "GRANT EXECUTE ON FUNCTION birthgate.gate_row() TO other_app",
        harm: "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('evil.mine'))",
        ..DEFAULT
    },
    Attack {
        name: "the gate on another table burns a permit",
        setup: "CREATE TABLE evil.mine (code text); GRANT INSERT ON evil.mine TO app;
                CREATE TRIGGER t AFTER INSERT ON evil.mine FOR EACH ROW EXECUTE FUNCTION birthgate.gate_row('thing')",
        statements: &["INSERT INTO evil.mine SELECT 'O-1' FROM birthgate.permit_hold('thing', 'O-1')"],
        without: "CREATE OR REPLACE FUNCTION birthgate.governed(p_relid oid, p_collection text) RETURNS birthgate.collection
                  LANGUAGE sql STABLE AS 'SELECT * FROM birthgate.collection WHERE collection_name = p_collection'",
        harm: "SELECT EXISTS (SELECT FROM birthgate.birth_admission_permit WHERE entity_code = 'O-1' AND state = 'FINALIZED')",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data forges a permit",
        role: "writer",
        statements: &["INSERT INTO birthgate.birth_admission_permit (kind, state, collection_name, entity_code, requester, holder, requested_at, expires_at, reserved_at)
                       VALUES ('birth', 'RESERVED', 'thing', 'X-1', 'writer', 'writer', now(), now() + interval '1 hour', now())"],
        without: "DROP TRIGGER permit_guard_insert ON birthgate.birth_admission_permit",
        harm: "SELECT EXISTS (SELECT FROM birthgate.birth_admission_permit WHERE requester = 'writer')",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data takes a permit over",
        role: "writer",
        setup: "SET SESSION AUTHORIZATION app; SELECT birthgate.permit_hold('thing', 'X-1')",
        statements: &["UPDATE birthgate.birth_admission_permit SET holder = 'writer'"],
        without: "DROP TRIGGER permit_guard_identity ON birthgate.birth_admission_permit;
                  DROP TRIGGER permit_guard_update ON birthgate.birth_admission_permit",
        harm: "SELECT EXISTS (SELECT FROM birthgate.birth_admission_permit WHERE holder = 'writer')",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data deletes a permit",
        role: "writer",
        setup: BORN_A,
        statements: &["DELETE FROM birthgate.birth_admission_permit"],
        without: "DROP TRIGGER permit_guard_delete ON birthgate.birth_admission_permit",
        harm: "SELECT NOT EXISTS (SELECT FROM birthgate.birth_admission_permit)",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data forges a birth",
        role: "writer",
        statements: &["INSERT INTO birthgate.birth_registry (entity_code, collection_name, status, origin, permit_id) VALUES ('X-1', 'thing', 'finalized', 'permit', 99)"],
        without: "DROP TRIGGER zz_birthgate_birth_insert ON birthgate.birth_registry",
        harm: "SELECT EXISTS (SELECT FROM birthgate.birth_registry WHERE entity_code = 'X-1')",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data writes a birth without a permit into an enforced collection",
        role: "writer",
        statements: &["INSERT INTO birthgate.birth_registry (entity_code, collection_name) VALUES ('X-1', 'thing')"],
        without: "DROP TRIGGER zz_birthgate_birth_bound ON birthgate.birth_registry",
        harm: "SELECT EXISTS (SELECT FROM birthgate.birth_registry WHERE entity_code = 'X-1')",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data changes a birth's code",
        role: "writer",
        setup: BORN_A,
        statements: &["UPDATE birthgate.birth_registry SET entity_code = 'X-1'"],
        without: "DROP TRIGGER zz_birthgate_birth_update ON birthgate.birth_registry",
        harm: "SELECT EXISTS (SELECT FROM birthgate.birth_registry WHERE entity_code = 'X-1')",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data deletes a birth",
        role: "writer",
        setup: BORN_A,
        statements: &["DELETE FROM birthgate.birth_registry"],
        without: "DROP TRIGGER zz_birthgate_birth_delete ON birthgate.birth_registry",
        harm: "SELECT NOT EXISTS (SELECT FROM birthgate.birth_registry)",
        ..DEFAULT
    },
    Attack {
        name: "pg_write_all_data disarms a collection",
        role: "writer",
        statements: &["UPDATE birthgate.collection SET mode = 'disarmed'", "INSERT INTO thing (code) VALUES ('X-1')"],
        without: "DROP TRIGGER direct_write_guard ON birthgate.collection",
        ..DEFAULT
    },
    Attack {
        name: "a policy of the table's owner that runs while the row is looked for",
        setup: "CREATE TABLE evil.leak (who text); GRANT ALL ON evil.leak TO PUBLIC;
                CREATE FUNCTION evil.watch() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.leak VALUES (current_user); RETURN true; END $$;
                SET SESSION AUTHORIZATION thing_owner;
                ALTER TABLE thing ENABLE ROW LEVEL SECURITY;
                CREATE POLICY p ON thing USING (evil.watch())",
        statements: &[HOLD_AND_INSERT],
        without: "ALTER FUNCTION birthgate_look.rows_present SET row_security = on; ALTER FUNCTION birthgate_look.rows_present VOLATILE",
        harm: "SELECT EXISTS (SELECT FROM evil.leak WHERE who = 'birthgate_reader')",
        ..DEFAULT
    },
];

async fn harm_is_done(attack: &Attack, form: &str, without_guard: bool) -> bool {
    let db = Db::governed(form).await;
    db.sql(attack.setup).await;
    if without_guard {
        db.sql(attack.without).await;
    }
    let attacker = db.connect(attack.role).await;
    for statement in attack.statements {
        // Refused or not: the harm is what counts.
        let _ = attacker.batch_execute(statement).await;
    }
    drop(attacker);
    db.value(attack.harm).await
}

async fn run_all(form: &'static str) {
    let mut wrong = Vec::new();
    for attack in ATTACKS.iter().filter(|attack| attack.since <= server_major()) {
        if harm_is_done(attack, form, false).await {
            wrong.push(format!("{}: NOT PREVENTED", attack.name));
        }
        if !harm_is_done(attack, form, true).await {
            wrong.push(format!("{}: does not bite without its guard", attack.name));
        }
    }
    assert!(wrong.is_empty(), "{form} form:\n{}", wrong.join("\n"));
}

fn server_major() -> u32 {
    std::thread::spawn(|| server().major()).join().unwrap()
}

#[tokio::test]
async fn statement_form_prevents() {
    run_all("statement").await;
}

#[tokio::test]
async fn row_form_prevents() {
    run_all("row").await;
}
