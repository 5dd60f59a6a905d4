-- The collection that a trigger stands on. A governed table is known by its trigger's argument; the
-- name stored for that collection must still be this table (or its partition root), because a table
-- can be swapped away under its name, and because anyone can make a table called like another. So must be the types of the
-- columns that the gate reads: its owner can put another type there, whose casts are its own and would run as ours. The expressions
-- that it answers look at the type of each row that they are given, since an old snapshot shows the types of before.
CREATE OR REPLACE FUNCTION birthgate.governed(p_relid oid, p_collection text)
RETURNS birthgate.collection
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection;
  v_relid oid;
  v_columns text[];
  v_condition text;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  IF FOUND THEN
    v_relid := to_regclass(format('%I.%I', v_collection.table_schema, v_collection.table_name));
    IF v_relid = p_relid OR v_relid = pg_partition_root(p_relid) THEN
      v_columns := ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
                          WHERE attrelid = p_relid AND attname = ANY (v_collection.code_columns || v_collection.bound_columns) AND atttypid >= 16384);
      IF v_columns = '{}' OR NOT v_columns && v_collection.bound_columns
                             AND NOT EXISTS (SELECT FROM birthgate.key_columns(p_relid, v_columns) WHERE problem IS NOT NULL) THEN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
          SELECT coalesce(string_agg(format('pg_typeof(n.%I) = %s::oid', attname, atttypid), ' AND '), 'false') INTO v_condition
            FROM pg_catalog.pg_attribute
           WHERE attrelid = p_relid AND attname = ANY (v_collection.code_columns || v_collection.bound_columns) AND NOT attisdropped;
          v_collection.code_expression := 'CASE WHEN ' || v_condition || ' THEN (' || v_collection.code_expression || ')::text END';
          v_collection.bound_expression := 'CASE WHEN ' || v_condition || ' THEN (' || v_collection.bound_expression || ') END';
        END IF;
        RETURN v_collection;
      END IF;
      RAISE EXCEPTION USING ERRCODE = 'PB019',
        MESSAGE = format('the columns %s of %s are no longer of a type that can be governed',
                         array_to_string(v_columns, ', '), p_relid::regclass),
        HINT = 'Give them back the type that they had.';
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'PB019',
    MESSAGE = format('%s is not the table of the collection %L', p_relid::regclass, p_collection),
    DETAIL = CASE WHEN v_collection.collection_name IS NULL THEN 'The collection is not known.'
                  ELSE format('The collection''s table is %I.%I.', v_collection.table_schema, v_collection.table_name) END,
    HINT = format('If the table was renamed or moved, run: birthgate collection rearm %s', p_collection);
END
$$;

-- What an observed collection would have refused.
CREATE OR REPLACE FUNCTION birthgate.observe(p_collection text, p_entity_code text, p_operation text, p_refusal text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO birthgate.observed (collection_name, entity_code, operation, refusal)
  VALUES (p_collection, p_entity_code, p_operation, p_refusal)
$$;

-- Refuses a code that may not be born under the collection's rule. A NULL stands for a code that the
-- database will make: it is judged when it is there.
CREATE OR REPLACE FUNCTION birthgate.check_code_rule(p_collection text, p_entity_codes text[]) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_pattern text := (SELECT pattern FROM birthgate.code_rule WHERE collection_name = p_collection);
  v_code text;
BEGIN
  FOREACH v_code IN ARRAY p_entity_codes LOOP
    IF v_code = '' OR v_code !~ v_pattern THEN
      RAISE EXCEPTION USING ERRCODE = 'PB004',
        MESSAGE = format('the code %L is against the rule of the collection %L', v_code, p_collection),
        DETAIL = coalesce(format('The rule is %s', v_pattern), 'An entity code is never empty.'),
        HINT = format('Choose another code, or have the rule changed: birthgate collection rule %s', p_collection);
    END IF;
  END LOOP;
  RETURN true;
END
$$;
