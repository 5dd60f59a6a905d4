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
    // Each of these moves one part of what the monitor looks at, and no other.
    (
        "UPDATE pg_attrdef SET adbin = (SELECT d.adbin FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE d.adrelid = 'birthgate.birth_registry'::regclass AND a.attname = 'status')
          WHERE adrelid = 'birthgate.birth_registry'::regclass AND adnum = (SELECT attnum FROM pg_attribute WHERE attrelid = adrelid AND attname = 'origin')",
        "table birthgate.birth_registry",
        "a change of the schema",
    ),
    (
        "UPDATE pg_constraint SET conbin = (SELECT conbin FROM pg_constraint WHERE conname = 'birth_registry_status_check') WHERE conname = 'birth_has_permit'",
        "constraint birth_has_permit on birthgate.birth_registry",
        "a change of the schema",
    ),
    (
        "CREATE TABLE evil.parent (LIKE thing); INSERT INTO pg_inherits (inhrelid, inhparent, inhseqno, inhdetachpending) VALUES ('thing'::regclass, 'evil.parent'::regclass, 1, false)",
        "table public.thing",
        "a change of the schema",
    ),
    (
        "ALTER TABLE of_things RENAME CONSTRAINT of_things_code_fkey TO other",
        "trigger \"RI_FKey_noaction_del\" of constraint other of public.of_things on public.thing",
        "a foreign key",
    ),
    ("ALTER TYPE colour RENAME TO other", "table public.thing", "a change of the schema"),
    (
        "UPDATE pg_language SET lanpltrusted = true WHERE lanname = 'c'",
        "language c",
        "a change of the schema",
    ),
    (
        "SET ROLE birthgate_owner; UPDATE birthgate.instance SET incarnation = incarnation + 1",
        "table birthgate.birth_registry",
        "a change of the schema",
    ),
    (
        "SET ROLE birthgate_owner; DELETE FROM birthgate.baseline_object WHERE object = 'function birthgate.guard_key()'",
        "function birthgate.guard_key()",
        "a change of the schema",
    ),
    // What the gate's own code means.
    (
        "CREATE FUNCTION pg_catalog.cardinality(text[]) RETURNS integer LANGUAGE sql AS 'SELECT 0'",
        "function pg_catalog.cardinality(text[])",
        "instead of the built-in one",
    ),
    ("GRANT CREATE ON SCHEMA pg_catalog TO app", "schema pg_catalog", "GRANT or REVOKE"),
    (
        "UPDATE pg_proc SET prosrc = 'textne' WHERE oid = 'pg_catalog.texticregexeq(text,text)'::regprocedure",
        "built-in functions",
        "means something else",
    ),
    (
        "UPDATE pg_operator SET oprcode = 'pg_catalog.textne' WHERE oid = 'pg_catalog.~~*(text,text)'::regoperator",
        "built-in operators",
        "means something else",
    ),
    (
        "CREATE FUNCTION evil.words(bigint) RETURNS text LANGUAGE sql AS $$SELECT ''$$; CREATE CAST (bigint AS text) WITH FUNCTION evil.words(bigint)",
        "built-in casts",
        "means something else",
    ),
    (
        "SET ROLE birthgate_owner; UPDATE birthgate.collection SET match_expression = 'true'",
        "collection thing",
        "collection govern, rearm or rule",
    ),
    (
        "SET ROLE birthgate_owner; DELETE FROM birthgate.block_rule WHERE dimension = 'gate_drift' AND action = 'birth_admit:thing'",
        "dimension gate_drift",
        "drift blocks something else",
    ),
    (
        "CREATE SUBSCRIPTION s CONNECTION 'dbname=elsewhere' PUBLICATION p WITH (connect = false, slot_name = NONE);
         INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) SELECT oid, 'thing'::regclass, 'r' FROM pg_subscription
          WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        "subscription s on public.thing",
        "past the statement form",
    ),
    (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO app', current_database()); END $$",
        "database this database",
        "OWNER TO",
    ),
];
