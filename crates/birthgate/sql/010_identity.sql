-- Who acts. The session's login decides, never current_user: inside a SECURITY DEFINER function
-- that is the definer, and in a deferred trigger whoever is current at COMMIT.

-- Whether the login may act as the role. A role that no longer exists is nobody's.
CREATE OR REPLACE FUNCTION birthgate.acts_as(p_login name, p_role text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_login = p_role
      OR EXISTS (SELECT FROM pg_catalog.pg_roles r
                  WHERE r.rolname = p_role AND pg_has_role(p_login, r.oid, 'USAGE'));
END
$$;

-- Refuses every direct write on a table of Birthgate. SECURITY INVOKER: a definer function would
-- always see its own owner. The trigger's WHEN has decided; this only says it.
CREATE OR REPLACE FUNCTION birthgate.refuse_direct_write() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'PB012',
    MESSAGE = format('%s on %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
    DETAIL = format('Only Birthgate''s own functions write it; the role here is %I.', current_user),
    HINT = 'Use Birthgate''s functions, or act as birthgate_owner.';
END
$$;

-- Every table but the permits and the births, which have guards of their own.
DO $$
DECLARE
  v_table text;
BEGIN
  FOR v_table IN
    SELECT relname FROM pg_catalog.pg_class
     WHERE relnamespace = 'birthgate'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND relname NOT IN ('birth_admission_permit', 'birth_registry')
  LOOP
    EXECUTE format($sql$CREATE OR REPLACE TRIGGER direct_write_guard AFTER INSERT OR UPDATE OR DELETE ON birthgate.%I
      FOR EACH ROW WHEN (current_user <> 'birthgate_owner'::name) EXECUTE FUNCTION birthgate.refuse_direct_write()$sql$, v_table);
    EXECUTE format($sql$CREATE OR REPLACE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.%I
      FOR EACH STATEMENT WHEN (current_user <> 'birthgate_owner'::name) EXECUTE FUNCTION birthgate.refuse_direct_write()$sql$, v_table);
    EXECUTE format('ALTER TABLE birthgate.%I ENABLE ALWAYS TRIGGER direct_write_guard, ENABLE ALWAYS TRIGGER direct_truncate_guard', v_table);
  END LOOP;
END
$$;

-- Permits are evidence: nobody truncates them.
CREATE OR REPLACE TRIGGER permit_truncate_guard
  BEFORE TRUNCATE ON birthgate.birth_admission_permit
  FOR EACH STATEMENT EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_truncate_guard;

-- How the functions on the way of a birth are written, because a single birth should cost little and
-- so should each of a million:
-- * Keys come as arrays, and each is looked up in an index that it leads, whatever the statistics say:
--   `= ANY` where rows are written, a LATERAL with OFFSET 0 where they are joined. The functions that
--   clients call SET what leaves the planner no other plan, and one plan serves one key and a million.
-- * What checks answers true or raises, and is called in an assignment: PL/pgSQL evaluates that
--   without starting an executor, as it would for PERFORM.
-- * `session_user COLLATE "default"`: session_user is a name, of collation C, and no index on text serves it.
