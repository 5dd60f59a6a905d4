-- Takes away what the roles were granted in this database, and then each role that nothing depends on any more, here or in another
-- database. The owner comes last: it has granted memberships in the other roles, and from PostgreSQL 16 on DROP OWNED would take
-- those back for every database. What the caller may not do is left, and `left.sql` tells it.
SET LOCAL client_min_messages = warning;
DO $$
DECLARE
  v_role name;
  v_object text;
BEGIN
  FOR v_role IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN
      ('birthgate_owner', 'birthgate_admitter', 'birthgate_registrar', 'birthgate_breakglass',
       'birthgate_auditor', 'birthgate_reader') ORDER BY rolname = 'birthgate_owner' LOOP
    IF v_role <> 'birthgate_owner' AND pg_has_role(v_role, 'USAGE') THEN
      EXECUTE format('DROP OWNED BY %I', v_role);
    END IF;
    FOR v_object IN
      SELECT DISTINCT CASE d.classid WHEN 'pg_catalog.pg_namespace'::regclass THEN format('SCHEMA %s', d.objid::regnamespace)
                                     WHEN 'pg_catalog.pg_proc'::regclass THEN format('FUNCTION %s', d.objid::regprocedure)
                                     ELSE format('TABLE %s', d.objid::regclass) END
        FROM pg_catalog.pg_shdepend d
       WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = v_role::regrole AND d.deptype = 'a'
         AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
         AND d.classid IN ('pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass) LOOP
      BEGIN
        EXECUTE format('REVOKE ALL ON %s FROM %I', v_object, v_role);
      EXCEPTION WHEN insufficient_privilege THEN
        NULL;
      END;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend d
                    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = v_role::regrole) THEN
      BEGIN
        EXECUTE format('DROP ROLE %I', v_role);
      EXCEPTION WHEN dependent_objects_still_exist OR undefined_object OR insufficient_privilege THEN
        NULL;  -- another database began to use it at this moment, or it is not the caller's to drop
      END;
    END IF;
  END LOOP;
END
$$;
