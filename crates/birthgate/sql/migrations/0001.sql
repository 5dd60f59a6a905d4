-- Version 1: every table of Birthgate. Runs once, as birthgate_owner, in the transaction of `init`.
-- Tables live in migrations; functions live beside them and are re-applied by every `init`.
-- Nothing stored is an OID or a reg* type: names survive pg_upgrade, dump and restore.

INSERT INTO birthgate.schema_version (version) VALUES (1);

-- This database's life. `incarnation` is stored beside each xid, because after a restore a stored
-- xid can equal a live one. `registry_schema` and `registry_table` name an adopted registry.
CREATE TABLE birthgate.instance (
  only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  incarnation      bigint NOT NULL,
  registry_schema  text,
  registry_table   text,
  changelog_schema text,
  changelog_table  text,
  fan_in           boolean NOT NULL DEFAULT false,  -- whether subscriptions bring rows of governed tables
  CHECK ((registry_schema IS NULL) = (registry_table IS NULL)),
  CHECK ((changelog_schema IS NULL) = (changelog_table IS NULL))
);
INSERT INTO birthgate.instance (incarnation)
VALUES (('x' || left(md5(gen_random_uuid()::text), 15))::bit(60)::bigint);

-- A table known to Birthgate.
CREATE TABLE birthgate.collection (
  collection_name   text PRIMARY KEY CHECK (collection_name <> ''),
  table_schema      text NOT NULL,
  table_name        text NOT NULL,
  code_columns      text[] NOT NULL,
  code_types        text[] NOT NULL,  -- the types of those columns, qualified
  code_expression   text NOT NULL,    -- the entity code of the row n, as text
  match_expression  text NOT NULL,    -- whether the row t has one of the entity codes $1 (text[])
  bound_columns     text[] NOT NULL DEFAULT '{}',
  bound_expression  text,             -- the hash of the bound columns of the row n
  mode              text NOT NULL CHECK (mode IN ('listed', 'observe', 'enforce', 'disarmed')),
  form              text CHECK (form IN ('statement', 'row')),
  finalize          text NOT NULL DEFAULT 'required' CHECK (finalize IN ('required', 'off')),
  open_permits      boolean NOT NULL DEFAULT false,  -- whether a permit may leave the code to the database
  critical          boolean NOT NULL DEFAULT false,
  permit_ttl        interval NOT NULL DEFAULT '15 minutes' CHECK (permit_ttl > '0'),
  replaced_triggers jsonb NOT NULL DEFAULT '[]',  -- what `ungovern` puts back
  reader_grants     jsonb NOT NULL DEFAULT '[]',  -- what `ungovern` takes back; %s is the table
  UNIQUE (table_schema, table_name),
  CHECK ((mode = 'listed') = (form IS NULL))
);

-- Which codes may be born in a collection: a row, not a regex in a function.
CREATE TABLE birthgate.code_rule (
  collection_name text PRIMARY KEY REFERENCES birthgate.collection ON DELETE CASCADE,
  pattern         text NOT NULL,
  changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_by      text NOT NULL DEFAULT session_user
);

-- Who may request permits in a collection, and how many may be active at once (NULL: no bound).
CREATE TABLE birthgate.admission_grant (
  role_name       text NOT NULL,
  collection_name text NOT NULL REFERENCES birthgate.collection ON DELETE CASCADE,
  quota           bigint CHECK (quota >= 0),
  granted_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  granted_by      text NOT NULL DEFAULT session_user,
  PRIMARY KEY (role_name, collection_name)
);

-- An owner's stop: while the row is there, no permit of the collection is reserved.
CREATE TABLE birthgate.stop (
  collection_name text PRIMARY KEY REFERENCES birthgate.collection ON DELETE CASCADE,
  reason          text NOT NULL CHECK (length(btrim(reason)) >= 10),
  since           timestamptz NOT NULL DEFAULT clock_timestamp(),
  stopped_by      text NOT NULL DEFAULT session_user
);

-- The permit. `active` is generated, so that the changes of state before the last stay HOT; for the
-- same reason there is no index on state, and a page has room for all four versions of its permits:
-- a bulk makes them in one transaction, which cannot prune its own. PostgreSQL parses the text of each
-- CHECK, default and WHEN anew in every statement, so they are short.
CREATE TABLE birthgate.birth_admission_permit (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind            text NOT NULL CHECK (kind IN ('birth', 'retire', 'rename', 'discard')),
  state           text NOT NULL,
  active          boolean NOT NULL GENERATED ALWAYS AS (finalized_at IS NULL AND ended_at IS NULL) STORED,
  collection_name text NOT NULL,
  entity_code     text,           -- NULL: open, until a row is born under it
  from_entity_code text,          -- the code that a rename ends
  row_hash        bytea,          -- of the bound columns of the only row that it admits
  requester       text NOT NULL,  -- the login that asked
  holder          text NOT NULL,  -- the role that may spend it
  idempotency_key text CHECK (idempotency_key <> ''),
  break_glass     text,           -- the reason of an emergency admission
  requested_at    timestamptz NOT NULL,
  expires_at      timestamptz NOT NULL,
  reserved_at     timestamptz,
  consumed_at     timestamptz,
  consumed_by     text,
  consumed_xid    xid8,
  incarnation     bigint,
  finalized_at    timestamptz,
  ended_at        timestamptz,
  ended_why       text,
  -- A break-glass permit is short, and says why.
  CONSTRAINT permit_break_glass CHECK
    (break_glass IS NULL
     OR length(btrim(break_glass)) >= 10 AND expires_at <= requested_at + interval '15 minutes'),
  CONSTRAINT permit_entity CHECK
    (CASE WHEN entity_code IS NULL THEN kind = 'birth' AND consumed_at IS NULL ELSE entity_code <> '' END
     AND (kind = 'rename') = (from_entity_code IS NOT NULL)),
  -- Each state has exactly the columns of the way that led to it.
  CONSTRAINT permit_way CHECK
    (CASE WHEN ended_at IS NOT NULL THEN
               state IN ('FAILED', 'EXPIRED', 'CANCELLED') AND consumed_at IS NULL AND finalized_at IS NULL
               AND (state <> 'FAILED' OR ended_why IS NOT NULL)
          WHEN finalized_at IS NOT NULL THEN state = 'FINALIZED' AND consumed_at IS NOT NULL
          WHEN consumed_at IS NOT NULL THEN state = 'CONSUMED'
          WHEN reserved_at IS NOT NULL THEN state = 'RESERVED'
          ELSE state = 'REQUESTED' END
     AND (consumed_at IS NULL OR reserved_at IS NOT NULL)),
  CONSTRAINT permit_consumed CHECK (num_nulls(consumed_at, consumed_by, consumed_xid, incarnation) IN (0, 4))
) WITH (fillfactor = 20);
CREATE UNIQUE INDEX birth_admission_permit_active_key
  ON birthgate.birth_admission_permit (entity_code, collection_name) WHERE active;
CREATE UNIQUE INDEX birth_admission_permit_idempotency_key
  ON birthgate.birth_admission_permit (idempotency_key, requester) WHERE idempotency_key IS NOT NULL;

-- Permits that ended long ago, moved here by the month in which they ended.
CREATE TABLE birthgate.permit_archive (
  LIKE birthgate.birth_admission_permit,
  closed_at timestamptz NOT NULL
) PARTITION BY RANGE (closed_at);
ALTER TABLE birthgate.permit_archive ALTER active DROP NOT NULL;
CREATE INDEX permit_archive_id_key ON birthgate.permit_archive (id);
CREATE INDEX permit_archive_idempotency_key
  ON birthgate.permit_archive (idempotency_key, requester) WHERE idempotency_key IS NOT NULL;

-- The registry. Adopting an existing one replaces this table by a view of the same columns.
CREATE TABLE birthgate.birth_registry (
  id               bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  entity_code      text NOT NULL,
  collection_name  text NOT NULL,
  status           text NOT NULL DEFAULT 'born' CHECK (status IN ('born', 'finalized', 'retired')),
  origin           text NOT NULL DEFAULT 'legacy'
                     CHECK (origin IN ('permit', 'legacy', 'backfill', 'decision')),
  permit_id        bigint,
  born_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  born_xid         xid8 DEFAULT pg_current_xact_id(),
  incarnation      bigint,
  finalized_at     timestamptz,
  retired_at       timestamptz,
  retire_permit_id bigint,
  renamed_to       text,
  UNIQUE (entity_code, collection_name),
  -- A birth by permit names it. Unlike a foreign key, this holds in replica role too.
  CONSTRAINT birth_has_permit CHECK (origin <> 'permit' OR permit_id IS NOT NULL),
  CONSTRAINT birth_retired CHECK ((status = 'retired') = (retire_permit_id IS NOT NULL))
) WITH (fillfactor = 40);  -- room for the one update that every birth sees, so that no index grows by it
CREATE UNIQUE INDEX birth_registry_permit_key
  ON birthgate.birth_registry (permit_id) WHERE permit_id IS NOT NULL;
CREATE UNIQUE INDEX birth_registry_retire_permit_key
  ON birthgate.birth_registry (retire_permit_id) WHERE retire_permit_id IS NOT NULL;

-- What happens to a birth after it was finalised. A birth is its own event and is not repeated here.
CREATE TABLE birthgate.registry_changelog (
  id              bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  collection_name text,
  entity_code     text,
  action          text NOT NULL,
  permit_id       bigint,
  changed_by      text NOT NULL DEFAULT session_user,
  changed_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row a gated statement, gone again when its transaction commits: its deferred trigger is the
-- commit boundary. Unlogged, because no row of it outlives a transaction.
CREATE UNLOGGED TABLE birthgate.finalization (
  first_permit_id bigint PRIMARY KEY,
  collection_name text NOT NULL,
  kind            text NOT NULL,
  permit_ids      bigint[] NOT NULL
);
ALTER TABLE birthgate.finalization ALTER permit_ids SET STORAGE EXTERNAL;

-- What an observed collection would have refused.
CREATE TABLE birthgate.observed (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  collection_name text NOT NULL,
  entity_code     text,
  operation       text NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'COMMIT')),
  refusal         text NOT NULL,  -- the SQLSTATE that it would have met
  login           text NOT NULL DEFAULT session_user,
  seen_at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A named count which must be within its bound. Counted by a query, or by a scan from outside.
CREATE TABLE birthgate.block_dimension (
  name        text PRIMARY KEY,
  description text NOT NULL,
  query       text,             -- one bigint; NULL: counted outside, by `block scan`
  bound       bigint NOT NULL DEFAULT 0,
  max_age     interval NOT NULL DEFAULT '1 hour' CHECK (max_age > '0')
);
-- Which dimension blocks which action.
CREATE TABLE birthgate.block_rule (
  action    text NOT NULL,
  dimension text NOT NULL REFERENCES birthgate.block_dimension ON DELETE CASCADE,
  PRIMARY KEY (action, dimension)
);
-- The newest observation of each dimension.
CREATE TABLE birthgate.block_observation (
  dimension   text PRIMARY KEY REFERENCES birthgate.block_dimension ON DELETE CASCADE,
  value       bigint,           -- NULL: it could not be counted; `problem` says why
  problem     text,
  observed_at timestamptz NOT NULL,
  observed_by text NOT NULL DEFAULT session_user,
  CHECK ((value IS NULL) = (problem IS NOT NULL))
);

-- The incarnation is a constant in the defaults: an old writer that knows nothing of it stamps it too.
DO $$
DECLARE
  v_incarnation bigint := (SELECT incarnation FROM birthgate.instance);
BEGIN
  EXECUTE format('ALTER TABLE birthgate.birth_registry ALTER incarnation SET DEFAULT %s', v_incarnation);
END
$$;
