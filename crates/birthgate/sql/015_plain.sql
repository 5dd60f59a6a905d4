-- Reading a table runs its owner's code, as whoever reads: a view's functions, a type's casts, a policy, and, while the query
-- is only planned, each immutable function in an index expression or in extended statistics. Writing it runs more. So a table
-- that a lesser role owns is looked at here before any function of ours reads it: only when nothing that such a role can
-- replace would run is it read. What superusers and birthgate_owner own, and what came with the server, may run.

-- Whether a role is neither a superuser nor birthgate_owner.
CREATE OR REPLACE FUNCTION birthgate.is_lesser(p_role oid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_role <> 'birthgate_owner'::regrole AND NOT coalesce((SELECT rolsuper FROM pg_catalog.pg_roles WHERE oid = p_role), false)
$$;

-- What a lesser role can replace, and what runs when the table, or a table that inherits from it, is read, or with p_writing
-- written; NULL when there is nothing. The types of the columns that are read are for check_plain.
CREATE OR REPLACE FUNCTION birthgate.replaceable(p_relid oid, p_writing boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH RECURSIVE relation AS (
    SELECT p_relid AS oid
     UNION
    SELECT i.inhrelid FROM relation r JOIN pg_catalog.pg_inherits i ON i.inhparent = r.oid),
  -- Whatever hangs on the tables and holds expressions. A table's own dependencies are those of its partition key.
  part (classid, objid, what) AS (
    SELECT 'pg_class'::regclass::oid, r.oid, format('the partition key of %s', r.oid::regclass) FROM relation r
     UNION ALL
    SELECT 'pg_class'::regclass, i.indexrelid, format('the index %s', i.indexrelid::regclass)
      FROM relation r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
     UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, format('the statistics %I', s.stxname)
      FROM relation r JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = r.oid
     UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, format('the constraint %I', c.conname)
      FROM relation r JOIN pg_catalog.pg_constraint c ON c.conrelid = r.oid AND p_writing
     UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, format('the default of column %s', d.adnum)
      FROM relation r JOIN pg_catalog.pg_attrdef d ON d.adrelid = r.oid AND p_writing
     UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, format('the trigger %I', t.tgname)
      FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND p_writing),
  needs AS (
    SELECT part.what, d.refclassid, d.refobjid
      FROM part JOIN pg_catalog.pg_depend d ON d.classid = part.classid AND d.objid = part.objid AND d.objsubid = 0 AND d.refobjid >= 16384),
  found (what) AS (
    SELECT format('%s is no plain table', r.oid::regclass) FROM relation r JOIN pg_catalog.pg_class c ON c.oid = r.oid WHERE c.relkind NOT IN ('r', 'p')
     UNION ALL
    SELECT format('%s calls %s, which %I can replace', n.what, p.oid::regprocedure, pg_get_userbyid(p.proowner))
      FROM needs n JOIN pg_catalog.pg_proc p ON n.refclassid = 'pg_proc'::regclass AND p.oid = n.refobjid WHERE birthgate.is_lesser(p.proowner)
     UNION ALL
    SELECT format('%s uses the operator %s, which is not the server''s', n.what, o.oid::regoperator)
      FROM needs n JOIN pg_catalog.pg_operator o ON n.refclassid = 'pg_operator'::regclass AND o.oid = n.refobjid
      LEFT JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
     WHERE birthgate.is_lesser(o.oprowner) OR birthgate.is_lesser(p.proowner)
     UNION ALL
    SELECT format('the column %I is of the type %s, which %I can replace', a.attname, t.oid::regtype, pg_get_userbyid(t.typowner))
      FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND p_writing
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.oid >= 16384 AND t.typtype <> 'e' WHERE birthgate.is_lesser(t.typowner)
     UNION ALL
    SELECT format('the rule %I stands on it', w.rulename) FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid AND p_writing
     UNION ALL
    SELECT format('%I may set its triggers', CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END)
      FROM relation r JOIN pg_catalog.pg_class c ON c.oid = r.oid AND p_writing CROSS JOIN aclexplode(c.relacl) AS g
     WHERE g.privilege_type = 'TRIGGER' AND g.grantee <> c.relowner AND birthgate.is_lesser(g.grantee))
  SELECT min(what) FROM found
$$;

-- Keeps the table's definition as it is until the transaction ends. The only function of the server that locks a table for reading,
-- plans nothing, and asks for no privilege on it.
CREATE OR REPLACE FUNCTION birthgate.keep_table(p_relid oid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM table_to_xmlschema(p_relid::regclass, false, false, '');
END
$$;

-- Refuses to go on unless the collection's table is a plain one, whose columns of these names are of the server's own types, and
-- which can be read without running what a lesser role can replace. Answers a condition for the read itself: the catalogs are looked
-- at with the transaction's snapshot, and one that is older than the statement shows the types of before, so that each row's are
-- looked at again. It is on the way of every birth.
CREATE OR REPLACE FUNCTION birthgate.check_plain(p_collection birthgate.collection, p_columns text[]) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_name text := format('%I.%I', p_collection.table_schema, p_collection.table_name);
  v_relid oid := to_regclass(v_name);
  v_columns bigint;
  v_condition text;
  v_problem text;
BEGIN
  -- Nearly every table: nothing with an expression hangs on it, and its columns are text, a number or a uuid.
  IF EXISTS (
       SELECT FROM pg_catalog.pg_class c
        WHERE c.oid = v_relid AND c.relkind = 'r' AND NOT c.relhassubclass
          AND (SELECT count(*) FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = v_relid AND a.attname = ANY (p_columns) AND a.atttypid < 16384 AND NOT a.attisdropped
                  AND a.attgenerated <> 'v' AND a.attnum > 0) = cardinality(p_columns)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = v_relid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = v_relid AND s.stxexprs IS NOT NULL)) THEN
    RETURN CASE WHEN current_setting('transaction_isolation') = 'read committed' THEN 'true'
                ELSE (SELECT string_agg(format('pg_typeof((NULL::%s).%I) = %s::oid', v_name, a.attname, a.atttypid), ' AND ')
                        FROM pg_catalog.pg_attribute a WHERE a.attrelid = v_relid AND a.attname = ANY (p_columns) AND NOT a.attisdropped) END;
  END IF;
  IF v_relid IS NULL THEN
    v_problem := 'it is not there';
  ELSE
    SELECT count(*), string_agg(format('pg_typeof((NULL::%s).%I) = %s::oid', v_name, a.attname, a.atttypid), ' AND '),
           min(CASE WHEN a.attgenerated = 'v' THEN format('the column %I is computed when it is read', a.attname) ELSE k.problem END)
      INTO v_columns, v_condition, v_problem
      FROM pg_catalog.pg_attribute a
      LEFT JOIN birthgate.key_columns(v_relid, ARRAY[a.attname::text]) AS k ON a.atttypid >= 16384
     WHERE a.attrelid = v_relid AND a.attname = ANY (p_columns) AND a.attnum > 0 AND NOT a.attisdropped;
    v_problem := coalesce(v_problem, CASE WHEN v_columns <> cardinality(p_columns) THEN format('it has no longer the columns %s', array_to_string(p_columns, ', ')) END,
                          birthgate.replaceable(v_relid));
  END IF;
  IF v_problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB019',
      MESSAGE = format('the table %s of the collection %L cannot be read safely: %s', v_name, p_collection.collection_name, v_problem),
      DETAIL = 'Reading it would run code that a role without Birthgate''s rights can replace.',
      HINT = 'Give the function to a superuser''s role, take it out of the index or statistics, or put the table back as it was governed.';
  END IF;
  RETURN v_condition;
END
$$;

-- The same where the transaction has not written the table: its definition is locked before it is looked at. With p_fresh in READ
-- COMMITTED alone: an older snapshot would show what is no longer there. Whoever may write the table, as a superuser may, then also
-- keeps new statistics and indexes away from it; writers go on.
CREATE OR REPLACE FUNCTION birthgate.keep_plain(p_collection birthgate.collection, p_columns text[], p_fresh boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_name text := format('%I.%I', p_collection.table_schema, p_collection.table_name);
  v_relid oid := to_regclass(v_name);
  v_condition text;
BEGIN
  IF p_fresh AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025',
      MESSAGE = format('the table of the collection %L is compared in READ COMMITTED alone', p_collection.collection_name),
      DETAIL = 'An older snapshot does not show what the table is like now.',
      HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
  END IF;
  IF v_relid IS NOT NULL THEN
    PERFORM birthgate.keep_table(v_relid);
  END IF;
  v_condition := birthgate.check_plain(p_collection, p_columns);
  -- By now it is a table. LOCK TABLE on a view locks what the view's owner names.
  IF p_fresh AND has_table_privilege(v_relid, 'UPDATE') THEN
    EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', v_name);
    v_condition := birthgate.check_plain(p_collection, p_columns);
  END IF;
  RETURN v_condition;
END
$$;

-- Refuses to write a table as a superuser when that would run what a lesser role can replace: a trigger, a rule, a default, a domain's
-- CHECK. The locks keep triggers, indexes and statistics as they are until the transaction ends; other writers go on.
CREATE OR REPLACE FUNCTION birthgate.check_superuser(p_collection birthgate.collection) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_name text := format('%I.%I', p_collection.table_schema, p_collection.table_name);
  v_problem text;
BEGIN
  PERFORM birthgate.keep_plain(p_collection, p_collection.code_columns, false);
  EXECUTE format('LOCK TABLE %1$s IN ROW EXCLUSIVE MODE; LOCK TABLE %1$s IN SHARE UPDATE EXCLUSIVE MODE', v_name);
  v_problem := birthgate.replaceable(v_name::regclass, true);
  IF v_problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016',
      MESSAGE = format('no superuser writes %s of the collection %L: %s', v_name, p_collection.collection_name, v_problem),
      DETAIL = 'It would run as the superuser.',
      HINT = 'Do it as a role that may write the table and no more.';
  END IF;
END
$$;
