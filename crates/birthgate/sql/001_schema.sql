-- The schemas and the record of versions. From here on everything is done as birthgate_owner. In birthgate_look stand the functions
-- that read user tables, out of reach of the role that owns them.
DO $$
DECLARE
  v_schema text;
  v_owner name;
BEGIN
  FOREACH v_schema IN ARRAY ARRAY['birthgate', 'birthgate_look'] LOOP
    SELECT pg_get_userbyid(nspowner) INTO v_owner FROM pg_catalog.pg_namespace WHERE nspname = v_schema;
    IF v_owner IS NULL THEN
      EXECUTE format('CREATE SCHEMA %I AUTHORIZATION birthgate_owner', v_schema);
    ELSIF v_owner <> 'birthgate_owner' THEN
      -- Whoever owns it can put their own functions in the place of ours.
      RAISE EXCEPTION USING ERRCODE = 'PB020', MESSAGE = format('the schema %I is there already, and belongs to %I', v_schema, v_owner),
        HINT = format('Rename or drop it, then run birthgate init again: ALTER SCHEMA %I RENAME TO …', v_schema);
    END IF;
  END LOOP;
END
$$;
SET LOCAL ROLE birthgate_owner;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS birthgate.schema_version (
  version      integer PRIMARY KEY,
  installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  installed_by text NOT NULL DEFAULT session_user
);
