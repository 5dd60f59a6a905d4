//! Ways to weaken the gate.

/// Ways to weaken the gate: what is done, the object that is named, the cause that is said.
pub const TAMPERS: &[(&str, &str, &str)] = &[
    (
        "ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate",
        "trigger zz_birthgate_gate on public.thing",
        "DISABLE TRIGGER",
    ),
    (
        "ALTER TABLE thing ENABLE TRIGGER ALL",
        "trigger zz_birthgate_guard_delete on public.thing",
        "pg_restore --disable-triggers",
    ),
    (
        "ALTER TABLE thing ENABLE TRIGGER zz_birthgate_guard_key",
        "trigger zz_birthgate_guard_key on public.thing",
        "no longer fires for everybody",
    ),
    (
        "ALTER TABLE thing ENABLE REPLICA TRIGGER zz_birthgate_guard_key",
        "trigger zz_birthgate_guard_key on public.thing",
        "no longer fires for everybody",
    ),
    (
        "DROP TRIGGER zz_birthgate_guard_delete ON thing",
        "trigger zz_birthgate_guard_delete on public.thing",
        "DROP TRIGGER",
    ),
    // Off and on again within one transaction.
    (
        "BEGIN; ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate; INSERT INTO thing (code) VALUES ('smuggled'); ALTER TABLE thing ENABLE ALWAYS TRIGGER zz_birthgate_gate; COMMIT",
        "written trigger zz_birthgate_gate on public.thing",
        "switched off and on again",
    ),
    (
        "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgname = 'zz_birthgate_gate'",
        "trigger zz_birthgate_gate on public.thing",
        "DISABLE TRIGGER",
    ),
    (
        "CREATE TRIGGER aa BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger aa on public.thing",
        "CREATE TRIGGER",
    ),
    (
        "CREATE RULE away AS ON INSERT TO thing DO INSTEAD NOTHING",
        "rule away on public.thing",
        "CREATE RULE",
    ),
    ("ALTER TABLE thing SET UNLOGGED", "table public.thing", "a crash empties it"),
    ("ALTER TABLE thing ENABLE ROW LEVEL SECURITY", "table public.thing", "ROW LEVEL SECURITY"),
    ("CREATE POLICY p ON thing USING (true)", "policy p on public.thing", "CREATE POLICY"),
    ("ALTER TABLE thing OWNER TO app", "table public.thing", "OWNER TO"),
    ("GRANT TRIGGER ON thing TO app", "table public.thing", "GRANT or REVOKE"),
    (
        "GRANT UPDATE ON birthgate.birth_admission_permit TO app",
        "table birthgate.birth_admission_permit",
        "GRANT or REVOKE",
    ),
    ("GRANT CREATE ON SCHEMA birthgate TO app", "schema birthgate", "GRANT or REVOKE"),
    ("ALTER TABLE thing RENAME TO other", "table public.thing", "renamed or moved"),
    ("ALTER TABLE thing SET SCHEMA evil", "table public.thing", "renamed or moved"),
    ("CREATE TABLE child () INHERITS (thing)", "table public.child", "its rows may not be gated"),
    (
        "CREATE OR REPLACE FUNCTION birthgate.refuse_direct_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "function birthgate.refuse_direct_write()",
        "CREATE OR REPLACE FUNCTION",
    ),
    (
        "UPDATE pg_proc SET prosrc = 'BEGIN RETURN NULL; END' WHERE proname = 'permit_guard'",
        "function birthgate.permit_guard()",
        "UPDATE of pg_proc by a superuser",
    ),
    (
        "ALTER FUNCTION birthgate.guard_delete() SECURITY INVOKER",
        "function birthgate.guard_delete()",
        "ALTER FUNCTION",
    ),
    (
        "ALTER FUNCTION birthgate.guard_delete() RESET search_path",
        "function birthgate.guard_delete()",
        "ALTER FUNCTION",
    ),
    (
        "ALTER FUNCTION birthgate.guard_delete() OWNER TO app",
        "function birthgate.guard_delete()",
        "OWNER TO",
    ),
    (
        "GRANT EXECUTE ON FUNCTION birthgate.gate_statement() TO PUBLIC",
        "function birthgate.gate_statement()",
        "GRANT or REVOKE",
    ),
    (
        "ALTER TABLE birthgate.birth_registry DROP CONSTRAINT birth_has_permit",
        "constraint birth_has_permit on birthgate.birth_registry",
        "a change of the schema",
    ),
    (
        "DROP INDEX birthgate.birth_registry_permit_key",
        "index birthgate.birth_registry_permit_key",
        "a change of the schema",
    ),
    (
        "ALTER TABLE thing ALTER COLUMN name TYPE varchar(99)",
        "table public.thing",
        "a change of the schema",
    ),
    (
        "SET ROLE birthgate_owner; UPDATE birthgate.collection SET mode = 'observe'",
        "collection thing",
        "collection govern, rearm or rule",
    ),
    (
        "SET ROLE birthgate_owner; INSERT INTO birthgate.code_rule VALUES ('thing', '.')",
        "collection thing",
        "collection govern, rearm or rule",
    ),
    (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', current_database()); END $$",
        "settings of every role in this database",
        "ALTER ROLE or DATABASE",
    ),
    (
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()",
        "event trigger e",
        "EVENT TRIGGER",
    ),
    (
        "ALTER TABLE thing ALTER COLUMN code DROP NOT NULL",
        "table public.thing",
        "a change of the schema",
    ),
    (
        "ALTER TABLE thing ALTER COLUMN code SET DEFAULT 'x'",
        "table public.thing",
        "a change of the schema",
    ),
    ("ALTER TABLE thing REPLICA IDENTITY NOTHING", "table public.thing", "a change of the schema"),
    (
        "ALTER TABLE thing ADD CHECK (true) NOT VALID",
        "constraint thing_check on public.thing",
        "a change of the schema",
    ),
    (
        "ALTER TABLE birthgate.birth_admission_permit DISABLE TRIGGER permit_guard_insert",
        "trigger permit_guard_insert on birthgate.birth_admission_permit",
        "DISABLE TRIGGER",
    ),
    (
        "DROP FUNCTION birthgate.guard_delete() CASCADE",
        "function birthgate.guard_delete()",
        "a change of the schema",
    ),
    (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'birthgate.birth_registry_permit_key'::regclass",
        "index birthgate.birth_registry_permit_key",
        "a change of the schema",
    ),
    (
        "CREATE OR REPLACE RULE \"_RETURN\" AS ON SELECT TO birthgate.every_permit DO INSTEAD SELECT * FROM birthgate.birth_admission_permit LIMIT 0",
        "view birthgate.every_permit",
        "a change of the schema",
    ),
    (
        "ALTER SEQUENCE birthgate.birth_registry_id_seq CACHE 20",
        "sequence birthgate.birth_registry_id_seq",
        "a change of the schema",
    ),
    (
        "UPDATE pg_sequence SET seqcache = 20 WHERE seqrelid = 'birthgate.birth_registry_id_seq'::regclass",
        "sequence birthgate.birth_registry_id_seq",
        "a change of the schema",
    ),
    ("DROP TABLE thing CASCADE", "table public.thing", "dropped, renamed or moved"),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA birthgate GRANT ALL ON TABLES TO app",
        "default privileges of postgres in birthgate on r",
        "a change of the schema",
    ),
];
