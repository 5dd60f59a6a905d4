-- Names are looked up in the catalogs alone: whoever installs may be a superuser, and the path may lead to other functions first.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The roles, created where they are missing. Roles belong to the whole cluster and advisory locks to
-- one database, so an `init` in another database can be faster: then the role is simply there.
-- Nothing is ever granted again here that was revoked.
DO $$
DECLARE
  v_role text;
BEGIN
  FOREACH v_role IN ARRAY ARRAY['birthgate_owner', 'birthgate_admitter', 'birthgate_registrar',
                                'birthgate_breakglass', 'birthgate_auditor', 'birthgate_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = v_role) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
      END;
    END IF;
  END LOOP;
  -- The owner replaces the functions that the reader owns.
  IF NOT pg_has_role('birthgate_owner', 'birthgate_reader', 'MEMBER') THEN
    GRANT birthgate_reader TO birthgate_owner;
  END IF;
  -- The owner makes admitters of those whom a collection's grant names.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members
                  WHERE roleid = 'birthgate_admitter'::regrole AND member = 'birthgate_owner'::regrole AND admin_option) THEN
    GRANT birthgate_admitter TO birthgate_owner WITH ADMIN OPTION;
  END IF;
  -- Who installs without being superuser must be able to act as the owner.
  IF NOT pg_has_role(current_user, 'birthgate_owner', 'USAGE') THEN
    EXECUTE format('GRANT birthgate_owner TO %I', current_user);
  END IF;
END
$$;
