-- Where the kernel confines nothing, restoring a schema runs its functions as somebody who may do nothing on this machine: a
-- member of every role, after those have lost what reaches out. Only a session of its own will do, since one that began as a
-- superuser's can always go back.
CREATE ROLE birthgate_restorer LOGIN BYPASSRLS;
DO $$
DECLARE
  v_role name;
BEGIN
  FOR v_role IN SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_' AND rolname <> 'birthgate_restorer' LOOP
    EXECUTE format('GRANT %I TO birthgate_restorer', v_role);
  END LOOP;
  EXECUTE format('GRANT CREATE ON DATABASE %I TO birthgate_restorer', current_database());
END
$$;
