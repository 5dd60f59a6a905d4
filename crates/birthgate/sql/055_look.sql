-- The looks: the only functions that read user tables. birthgate_reader owns them, so that what a table's owner may get to run in
-- one, against all checks, runs as a role that can do nothing but read; and they stand in a schema that this role may not use, so
-- that it cannot even name, and so not change, what it owns. Only birthgate_owner calls them, after check_plain or keep_plain.
-- constraint_exclusion: the planner looks at no CHECK.

-- How many of the codes have their row in the collection's table. The condition of check_plain comes before everything that a row's
-- columns are in: it is evaluated once, and when it does not hold no row is looked at.
CREATE OR REPLACE FUNCTION birthgate_look.rows_present(p_collection birthgate.collection, p_condition text, p_entity_codes text[]) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET constraint_exclusion = off
AS $$
DECLARE
  v_present bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I.%I AS t WHERE %s AND %s',
                 p_collection.table_schema, p_collection.table_name, p_condition, p_collection.match_expression)
     INTO v_present USING p_entity_codes;
  RETURN v_present;
END
$$;

-- Rows against births, in one pass over both.
CREATE OR REPLACE FUNCTION birthgate_look.reconcile_rows(p_collection birthgate.collection)
RETURNS TABLE (finding text, count bigint, examples text[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET constraint_exclusion = off SET jit = off SET work_mem = '64MB'
AS $$
BEGIN
  RETURN QUERY EXECUTE format($sql$
    SELECT found.finding, count(*), (array_agg(found.code))[1:5]
      FROM (SELECT coalesce(r.code, b.entity_code) AS code,
                   CASE WHEN b.entity_code IS NULL THEN 'orphan'
                        WHEN r.code IS NULL AND b.status <> 'retired' THEN 'phantom'
                        WHEN r.code IS NOT NULL AND b.status = 'retired' THEN 'ghost' END AS finding
              FROM (SELECT %s AS code FROM %I.%I AS n) AS r
              FULL JOIN (SELECT entity_code, status FROM birthgate.birth_registry WHERE collection_name = $1) AS b
                ON b.entity_code = r.code) AS found
     WHERE found.finding IS NOT NULL GROUP BY found.finding$sql$,
    p_collection.code_expression, p_collection.table_schema, p_collection.table_name) USING p_collection.collection_name;
END
$$;

-- How many rows of the collection have a code that is not born in that one.
CREATE OR REPLACE FUNCTION birthgate_look.count_not_born_in(p_collection birthgate.collection, p_other text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET constraint_exclusion = off
AS $$
DECLARE
  v_count bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I.%I AS n WHERE NOT EXISTS (SELECT FROM birthgate.birth_registry b
                   WHERE b.entity_code = %s AND b.collection_name = $1 AND b.status <> ''retired'')',
                 p_collection.table_schema, p_collection.table_name, p_collection.code_expression)
     INTO v_count USING p_other;
  RETURN v_count;
END
$$;

-- How many births of the collection have no row.
CREATE OR REPLACE FUNCTION birthgate_look.count_phantoms(p_collection birthgate.collection) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET constraint_exclusion = off
AS $$
DECLARE
  v_count bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM birthgate.birth_registry b
                   WHERE b.collection_name = $1 AND b.status <> ''retired''
                     AND NOT EXISTS (SELECT FROM %I.%I AS n WHERE %s = b.entity_code)',
                 p_collection.table_schema, p_collection.table_name, p_collection.code_expression)
     INTO v_count USING p_collection.collection_name;
  RETURN v_count;
END
$$;

-- What a dimension's query counts. It may read whatever its author granted to birthgate_reader, views and policies too.
CREATE OR REPLACE FUNCTION birthgate_look.count_by(p_query text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET constraint_exclusion = off
AS $$
DECLARE
  v_count bigint;
BEGIN
  EXECUTE p_query INTO v_count;
  RETURN v_count;
END
$$;
