-- Version 4: what the DDL guard recorded. No sequence, so that a change that is rolled back leaves no gap behind.

INSERT INTO birthgate.schema_version (version) VALUES (4);

-- One object that a command created, changed, dropped or rewrote, and who did it.
CREATE TABLE birthgate.ddl_event (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  event           text NOT NULL,
  tag             text NOT NULL,
  object_type     text,
  object_identity text,    -- NULL: the command does not say, as GRANT
  more            bigint,  -- so many objects more than were written down
  login           text NOT NULL DEFAULT session_user,
  role            text NOT NULL,  -- as which it acted, as far as SET ROLE tells
  application     text,
  client          text,
  pid             integer NOT NULL DEFAULT pg_backend_pid(),
  xid             text NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX ddl_event_at ON birthgate.ddl_event (at);

-- NULL: an observation is never too old, where no daemon makes it anew.
ALTER TABLE birthgate.block_dimension ALTER COLUMN max_age DROP NOT NULL;

-- A registry that was adopted before this version lacks the column that a rename writes. The table is its owner's: whoever
-- runs this adds the column, and birthgate_owner shows it.
DO $$
DECLARE
  v_instance birthgate.instance;
BEGIN
  SELECT * INTO v_instance FROM birthgate.instance;
  IF v_instance.registry_table IS NOT NULL THEN
    SET LOCAL ROLE NONE;
    EXECUTE format('ALTER TABLE %I.%I ADD COLUMN IF NOT EXISTS renamed_to text', v_instance.registry_schema, v_instance.registry_table);
    SET LOCAL ROLE birthgate_owner;
    EXECUTE format('CREATE OR REPLACE VIEW birthgate.birth_registry AS
      SELECT id, entity_code, collection_name, status, origin, permit_id, born_at, born_xid, incarnation,
             finalized_at, retired_at, retire_permit_id, renamed_to FROM %I.%I', v_instance.registry_schema, v_instance.registry_table);
  END IF;
END
$$;
