-- The evidence log: every rehearsal, approval, apply, step, undo, break-glass, decision and
-- drift acceptance, each with the hash of the one before. A schema of its own, because it outlives Birthgate's
-- installation, which may itself be a step of a packet, and is there for packets where nothing is governed.
-- Owned by who installs it; idempotent. A superuser could rewrite it: each signed text holds its head.
SELECT pg_advisory_xact_lock(hashtextextended('birthgate evidence log', 0));
DO $$
BEGIN
  IF to_regnamespace('birthgate_evidence') IS NULL THEN
    CREATE SCHEMA birthgate_evidence;
  END IF;
END
$$;

CREATE TABLE IF NOT EXISTS birthgate_evidence.log (
  number   bigint PRIMARY KEY CHECK (number > 0),
  at       text NOT NULL,              -- UTC, as it is hashed
  kind     text NOT NULL CHECK (kind ~ '^[a-z-]+$'),
  login    text NOT NULL,
  body     text NOT NULL CHECK (body::jsonb IS NOT NULL),
  previous text NOT NULL UNIQUE,       -- the hash of the entry before; of the first, 64 zeros
  hash     text NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS log_kind ON birthgate_evidence.log (kind, number);

-- The life of this database, as it was claimed: a copy of it is not where this says.
CREATE TABLE IF NOT EXISTS birthgate_evidence.instance (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id       text NOT NULL,
  facts    jsonb NOT NULL
);

-- The hash of an entry: SHA-256 over its parts, each on a line of its own. No part but the body may hold a line's end.
CREATE OR REPLACE FUNCTION birthgate_evidence.entry_hash(p_number bigint, p_at text, p_kind text, p_login text, p_body text, p_previous text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT encode(sha256(convert_to(concat_ws(E'\n', p_number, p_at, p_kind, p_login, p_previous, p_body), 'UTF8')), 'hex')
$$;

-- Appends an entry; answers its number. Entries wait for each other's commit, since each holds the hash of the one before.
CREATE OR REPLACE FUNCTION birthgate_evidence.append(p_kind text, p_body jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_number bigint;
  v_previous text;
  v_at text;
  v_login text := regexp_replace(session_user, E'[\n\r]', '?', 'g');
BEGIN
  LOCK TABLE birthgate_evidence.log IN SHARE ROW EXCLUSIVE MODE;
  SELECT number, hash INTO v_number, v_previous FROM birthgate_evidence.log ORDER BY number DESC LIMIT 1;
  v_number := coalesce(v_number, 0) + 1;
  v_previous := coalesce(v_previous, repeat('0', 64));
  v_at := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  INSERT INTO birthgate_evidence.log (number, at, kind, login, body, previous, hash)
  VALUES (v_number, v_at, p_kind, v_login, p_body::text, v_previous,
          birthgate_evidence.entry_hash(v_number, v_at, p_kind, v_login, p_body::text, v_previous));
  RETURN v_number;
END
$$;

-- What Birthgate's own functions append; a journal or an approval they do not.
CREATE OR REPLACE FUNCTION birthgate_evidence.note(p_kind text, p_body jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_kind NOT IN ('break-glass', 'decision', 'handoff') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB012', MESSAGE = format('an entry of the kind %L is not written so', p_kind),
      DETAIL = 'Emergency admissions, decisions and the handoff''s beginning are.', HINT = 'birthgate apply, approve and drift write the others.';
  END IF;
  RETURN birthgate_evidence.append(p_kind, p_body);
END
$$;

-- Says which life this database has: what was signed for another does not hold here. Appends that.
CREATE OR REPLACE FUNCTION birthgate_evidence.claim(p_id text, p_facts jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO birthgate_evidence.instance (id, facts) VALUES (p_id, p_facts)
  ON CONFLICT (only_row) DO UPDATE SET id = EXCLUDED.id, facts = EXCLUDED.facts;
  RETURN birthgate_evidence.append('claim', jsonb_build_object('instance', p_id, 'facts', p_facts));
END
$$;

-- SECURITY INVOKER: whoever may write every table, pg_write_all_data, does not write these; their functions do, as the owner.
CREATE OR REPLACE FUNCTION birthgate_evidence.refuse_direct_write() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF current_user = (SELECT pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid = TG_RELID) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'PB012', MESSAGE = format('%s on %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
    DETAIL = format('Only Birthgate''s own functions write it; the role here is %I.', current_user),
    HINT = 'SELECT birthgate_evidence.append(kind, body) adds an entry.';
END
$$;

CREATE OR REPLACE FUNCTION birthgate_evidence.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'PB012', MESSAGE = format('%s of the evidence log is refused', TG_OP),
    DETAIL = 'Entries are appended, and never changed.', HINT = 'SELECT birthgate_evidence.append(kind, body) adds what corrects one.';
END
$$;
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = 'birthgate_evidence.log'::regclass AND tgname = 'append_only') THEN
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON birthgate_evidence.log
      FOR EACH STATEMENT EXECUTE FUNCTION birthgate_evidence.refuse_change();
    CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON birthgate_evidence.log
      FOR EACH STATEMENT EXECUTE FUNCTION birthgate_evidence.refuse_change();
    CREATE TRIGGER direct_write AFTER INSERT ON birthgate_evidence.log
      FOR EACH STATEMENT EXECUTE FUNCTION birthgate_evidence.refuse_direct_write();
    CREATE TRIGGER direct_write AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON birthgate_evidence.instance
      FOR EACH STATEMENT EXECUTE FUNCTION birthgate_evidence.refuse_direct_write();
    ALTER TABLE birthgate_evidence.log ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate, ENABLE ALWAYS TRIGGER direct_write;
    ALTER TABLE birthgate_evidence.instance ENABLE ALWAYS TRIGGER direct_write;
  END IF;
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA birthgate_evidence FROM PUBLIC;
  -- Who may read what Birthgate did may read this as well, and Birthgate's own functions write it.
  IF to_regrole('birthgate_auditor') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA birthgate_evidence TO birthgate_auditor;
    GRANT SELECT ON birthgate_evidence.log, birthgate_evidence.instance TO birthgate_auditor;
  END IF;
  IF to_regrole('birthgate_owner') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA birthgate_evidence TO birthgate_owner;
    GRANT EXECUTE ON FUNCTION birthgate_evidence.note(text, jsonb) TO birthgate_owner;
  END IF;
END
$$;
