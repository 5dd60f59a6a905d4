-- Rows, births and permits against each other, and births for rows that were there before the gate.

-- Locks the next rows of the collection that have no birth, in the order of their key, and bears them.
-- The locks keep them there until the commit; rows that somebody else holds are left for a later pass.
-- SECURITY INVOKER, and whoever backfills may be a superuser: keep_plain comes first. p_after is the last key of the batch before;
-- so is the answer's.
CREATE OR REPLACE FUNCTION birthgate.backfill(p_collection text, p_after jsonb, p_most bigint)
RETURNS TABLE (last_key jsonb, seen bigint, born bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off SET constraint_exclusion = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_table text := format('%I.%I', v_collection.table_schema, v_collection.table_name);
  v_columns text;
  v_key text;
  v_after text;
  v_codes text[];
BEGIN
  PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
  SELECT string_agg(format('n.%I', c.name), ', ' ORDER BY c.place),
         string_agg(format('%L, n.%I', c.name, c.name), ', ' ORDER BY c.place),
         string_agg(format('($2 ->> %L)::%s', c.name, c.type), ', ' ORDER BY c.place)
    INTO v_columns, v_key, v_after FROM unnest(v_collection.code_columns, v_collection.code_types) WITH ORDINALITY AS c(name, type, place);
  EXECUTE format('SELECT array_agg(code), (array_agg(key))[count(*)], count(*)
                    FROM (SELECT %1$s AS code, jsonb_build_object(%2$s) AS key FROM %3$s AS n
                           WHERE NOT EXISTS (SELECT FROM birthgate.birth_registry b
                                              WHERE b.entity_code = %1$s AND b.collection_name = $1)
                                 %4$s
                           ORDER BY %5$s LIMIT $3 FOR KEY SHARE OF n SKIP LOCKED) AS page',
                 v_collection.code_expression, v_key, v_table,
                 CASE WHEN p_after IS NOT NULL THEN format('AND (%s) > (%s)', v_columns, v_after) END,
                 v_columns)
     INTO v_codes, last_key, seen USING p_collection, p_after, p_most;
  born := CASE WHEN seen = 0 THEN 0 ELSE birthgate.backfill_births(p_collection, v_codes) END;
  RETURN NEXT;
END
$$;

-- Registers births for rows that are there. A code that is born in another collection, while the
-- registry's key is the code alone, is left over.
CREATE OR REPLACE FUNCTION birthgate.backfill_births(p_collection text, p_entity_codes text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_condition text := birthgate.keep_plain(v_collection, v_collection.code_columns, false);
  v_born bigint;
BEGIN
  IF birthgate_look.rows_present(v_collection, v_condition, p_entity_codes) <> cardinality(p_entity_codes) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB007',
      MESSAGE = format('some of the %s rows to be born in the collection %L are not there', cardinality(p_entity_codes), p_collection),
      HINT = 'Run it again: birthgate collection backfill';
  END IF;
  INSERT INTO birthgate.birth_registry
         (entity_code, collection_name, status, origin, born_at, born_xid, incarnation, finalized_at)
  SELECT code, p_collection, 'finalized',
         CASE WHEN EXISTS (SELECT FROM birthgate.identity_decision WHERE collection_name = p_collection) THEN 'decision' ELSE 'backfill' END, v_now, pg_current_xact_id(), (SELECT incarnation FROM birthgate.instance), v_now
    FROM unnest(p_entity_codes) AS code
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS v_born = ROW_COUNT;
  RETURN v_born;
END
$$;

-- Rows against births. A table that cannot be read safely is a finding, so that the others are compared all the same.
CREATE OR REPLACE FUNCTION birthgate.reconcile_rows(p_collection text)
RETURNS TABLE (finding text, count bigint, examples text[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_problem text;
BEGIN
  BEGIN
    PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
  EXCEPTION WHEN SQLSTATE 'PB019' THEN
    GET STACKED DIAGNOSTICS v_problem = MESSAGE_TEXT;
    RETURN QUERY SELECT 'unreadable', 1::bigint, ARRAY[v_problem];
    RETURN;
  END;
  RETURN QUERY SELECT * FROM birthgate_look.reconcile_rows(v_collection);
END
$$;

-- Births against permits, both ways, archived permits too; in one collection, or with NULL in all.
CREATE OR REPLACE FUNCTION birthgate.reconcile_permits(p_collection text)
RETURNS TABLE (collection_name text, finding text, count bigint, examples text[])
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off SET work_mem = '64MB'
AS $$
  WITH found AS (
    SELECT 'birth without its permit' AS finding, b.collection_name, b.entity_code FROM birthgate.birth_registry b
     WHERE b.permit_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM birthgate.every_permit p WHERE p.id = b.permit_id AND p.state = 'FINALIZED' AND p.kind IN ('birth', 'rename')
                              AND p.entity_code = b.entity_code AND p.collection_name = b.collection_name)
     UNION ALL
    SELECT 'retirement without its permit', b.collection_name, b.entity_code FROM birthgate.birth_registry b
     WHERE b.retire_permit_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM birthgate.every_permit p WHERE p.id = b.retire_permit_id AND p.state = 'FINALIZED' AND p.collection_name = b.collection_name
          AND CASE p.kind WHEN 'retire' THEN p.entity_code WHEN 'rename' THEN p.from_entity_code END = b.entity_code)
     UNION ALL
    SELECT 'permit without its birth', p.collection_name, p.entity_code FROM birthgate.every_permit p
     WHERE p.state = 'FINALIZED' AND p.kind IN ('birth', 'rename')
       AND NOT EXISTS (SELECT FROM birthgate.birth_registry b WHERE b.permit_id = p.id)
     UNION ALL
    SELECT 'permit without its retirement', p.collection_name, p.entity_code FROM birthgate.every_permit p
     WHERE p.state = 'FINALIZED' AND p.kind IN ('retire', 'rename')
       AND NOT EXISTS (SELECT FROM birthgate.birth_registry b WHERE b.retire_permit_id = p.id)
     UNION ALL
    SELECT 'permit consumed and not finalized', p.collection_name, p.entity_code FROM birthgate.every_permit p WHERE p.state = 'CONSUMED'
     UNION ALL
    SELECT 'birth not finalized', b.collection_name, b.entity_code FROM birthgate.birth_registry b
     WHERE b.permit_id IS NOT NULL AND b.status = 'born')
  SELECT f.collection_name, f.finding, count(*), (array_agg(f.entity_code))[1:5] FROM found f
   WHERE p_collection IS NULL OR f.collection_name = p_collection GROUP BY f.collection_name, f.finding
$$;
