-- Drops the schema, what the roles were granted in this database, and then each role that no other
-- database depends on.
SET LOCAL client_min_messages = warning;
DROP SCHEMA birthgate CASCADE;
DO $$
DECLARE
  v_role name;
BEGIN
  FOR v_role IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN
      ('birthgate_owner', 'birthgate_admitter', 'birthgate_registrar', 'birthgate_breakglass',
       'birthgate_auditor', 'birthgate_reader') LOOP
    EXECUTE format('DROP OWNED BY %I', v_role);
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend d
                    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = v_role::regrole) THEN
      BEGIN
        EXECUTE format('DROP ROLE %I', v_role);
      EXCEPTION WHEN dependent_objects_still_exist OR undefined_object THEN
        NULL;  -- another database began to use it at this moment
      END;
    END IF;
  END LOOP;
END
$$;
