-- The schema and the record of its versions. From here on everything is done as birthgate_owner.
DO $$
BEGIN
  IF to_regnamespace('birthgate') IS NULL THEN
    CREATE SCHEMA birthgate AUTHORIZATION birthgate_owner;
  END IF;
END
$$;
SET LOCAL ROLE birthgate_owner;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS birthgate.schema_version (
  version      integer PRIMARY KEY,
  installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  installed_by text NOT NULL DEFAULT session_user
);
