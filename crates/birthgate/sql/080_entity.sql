-- Entities in one call, for any client: admit, retire, rename, discard, register. SECURITY INVOKER: rows
-- are written with the caller's own privileges.

-- The collection of that name; refuses when there is none.
CREATE OR REPLACE FUNCTION birthgate.collection_of(p_collection text) RETURNS birthgate.collection
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018', MESSAGE = format('there is no collection %L', p_collection),
      HINT = 'birthgate collection list shows the collections.';
  END IF;
  RETURN v_collection;
END
$$;

-- Columns of a row that is given as JSON, as a query would select them from $1. Made from the columns' base types: a whole row of the
-- table's type would be checked against the domains of all of its columns, by functions of the table's owner.
CREATE OR REPLACE FUNCTION birthgate.columns_of_json(p_collection birthgate.collection, p_columns text[]) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_columns text;
  v_problem text;
BEGIN
  WITH RECURSIVE typed AS (
    SELECT a.attname, a.atttypid AS type, a.atttypmod AS typmod FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = to_regclass(format('%I.%I', p_collection.table_schema, p_collection.table_name)) AND a.attname = ANY (p_columns)
       AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL
    SELECT b.attname, t.typbasetype, t.typtypmod FROM typed b JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype = 'd')
  SELECT string_agg(format('($1 %s %L)::%s AS %I', CASE WHEN b.type IN ('json'::regtype, 'jsonb'::regtype) THEN '->' ELSE '->>' END,
                           b.attname, format_type(b.type, b.typmod), b.attname), ', '),
         min(b.attname) FILTER (WHERE b.type >= 16384 AND birthgate.is_lesser(t.typowner))
    INTO v_columns, v_problem FROM typed b JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd';
  IF v_problem IS NOT NULL OR v_columns IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB019',
      MESSAGE = format('the columns %s of %I.%I are no longer of a type that can be governed', array_to_string(p_columns, ', '),
                       p_collection.table_schema, p_collection.table_name),
      HINT = 'Give them back the type that they had.';
  END IF;
  RETURN v_columns;
END
$$;

-- The entity code that a row of the collection would have; NULL when the database is to make it.
CREATE OR REPLACE FUNCTION birthgate.entity_code(p_collection text, p_row jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_code text;
BEGIN
  IF p_row ?& v_collection.code_columns THEN
    EXECUTE format('SELECT %s FROM (SELECT %s) AS n', v_collection.code_expression,
                   birthgate.columns_of_json(v_collection, v_collection.code_columns)) INTO v_code USING p_row;
  END IF;
  RETURN v_code;
END
$$;

-- Requests a birth permit that is bound to the row: to its code and, by their hash, to the collection's
-- bound columns, all of which the row must give. Answers the permit's id.
CREATE OR REPLACE FUNCTION birthgate.permit_request_row(p_collection text, p_row jsonb, p_idempotency_key text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_row_hash bytea;
BEGIN
  IF v_collection.bound_expression IS NULL OR NOT p_row ?& v_collection.bound_columns THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('the row gives nothing to bind a permit of the collection %L to', p_collection),
      DETAIL = coalesce('The bound columns are ' || nullif(array_to_string(v_collection.bound_columns, ', '), ''), 'It has no bound columns.'),
      HINT = 'Give each of them, or request a permit for the code alone: permit_request.';
  END IF;
  EXECUTE format('SELECT %s FROM (SELECT %s) AS n', v_collection.bound_expression,
                 birthgate.columns_of_json(v_collection, v_collection.bound_columns)) INTO v_row_hash USING p_row;
  RETURN birthgate.permit_request(p_collection, birthgate.entity_code(p_collection, p_row), 'birth', p_idempotency_key,
                                  p_row_hash => v_row_hash);
END
$$;

-- Requests, reserves and inserts; answers the permit's id. With a key it is idempotent: the same call
-- again answers the same permit and inserts nothing.
CREATE OR REPLACE FUNCTION birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_permit_id bigint;
  v_columns text;
BEGIN
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  v_permit_id := birthgate.permit_request(p_collection, birthgate.entity_code(p_collection, p_row), 'birth', p_idempotency_key);
  IF birthgate.is_done(p_idempotency_key) THEN
    RETURN v_permit_id;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id),
          set_config('birthgate.permit_id', v_permit_id::text, true);  -- of open permits, this one first
  SELECT string_agg(quote_ident(key), ', ') INTO v_columns FROM jsonb_object_keys(p_row) AS key;
  EXECUTE format('INSERT INTO %1$I.%2$I (%3$s) SELECT %3$s FROM jsonb_populate_record(NULL::%1$I.%2$I, $1)',
                 v_collection.table_schema, v_collection.table_name, v_columns) USING p_row;
  RETURN v_permit_id;
END
$$;

-- Whether what the key stands for was done before, in this transaction or another.
CREATE OR REPLACE FUNCTION birthgate.is_done(p_idempotency_key text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT p_idempotency_key IS NOT NULL
         AND EXISTS (SELECT FROM birthgate.permits_by_key(ARRAY[p_idempotency_key])
                      WHERE state IN ('CONSUMED', 'FINALIZED'))
$$;

-- What is known of the rows of a batch: the login's permit of the key, and whether a request for the
-- code, taken alone, would be granted. Why it would not is for the request to say.
CREATE OR REPLACE FUNCTION birthgate.prospects(p_collection text, p_entity_codes text[], p_idempotency_keys text[])
RETURNS TABLE (place bigint, entity_code text, idempotency_key text, permit_id bigint, finalized_at timestamptz, admissible boolean)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
  SELECT n.place, n.code, n.key, p.id, p.finalized_at,
         p.id IS NULL AND n.occurrence = 1 AND n.code <> '' AND (r.pattern IS NULL OR n.code ~ r.pattern)
         AND NOT EXISTS (SELECT FROM birthgate.birth_registry b WHERE b.entity_code = n.code
                            AND (b.collection_name = p_collection OR birthgate.registry_key_is_single()))
         AND NOT EXISTS (SELECT FROM birthgate.birth_admission_permit a
                          WHERE a.entity_code = n.code AND a.collection_name = p_collection AND a.active)
    FROM (SELECT code, key, place, row_number() OVER (PARTITION BY code ORDER BY place) AS occurrence
            FROM unnest(p_entity_codes, p_idempotency_keys) WITH ORDINALITY AS c(code, key, place)) AS n
    LEFT JOIN birthgate.code_rule r ON r.collection_name = p_collection
    LEFT JOIN LATERAL (SELECT id, finalized_at FROM birthgate.every_permit
                        WHERE idempotency_key = n.key AND requester = session_user COLLATE "default" OFFSET 0) AS p ON true
$$;

-- Admits the rows of a batch that can be admitted together; all of them have the same columns. Answers
-- for each place its code, and its permit when it is born now ('admitted') or was under its key before
-- ('already'). A place without an outcome is to be admitted alone, and will be told why it cannot.
CREATE OR REPLACE FUNCTION birthgate.admit_many(p_collection text, p_rows jsonb, p_idempotency_keys text[])
RETURNS TABLE (place bigint, entity_code text, permit_id bigint, outcome text, finalized_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_table text;
  v_columns text;
  v_codes text[];
  v_ids bigint[];
  v_reserved boolean;
  v_batch record;
BEGIN
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  v_table := format('%I.%I', v_collection.table_schema, v_collection.table_name);
  SELECT string_agg(quote_ident(key), ', ') INTO v_columns FROM jsonb_object_keys(p_rows -> 0) AS key;
  EXECUTE format('SELECT array_agg(%s ORDER BY r.place) FROM jsonb_array_elements($1) WITH ORDINALITY AS r(document, place),
                         LATERAL jsonb_populate_record(NULL::%s, r.document) AS n', v_collection.code_expression, v_table)
     INTO v_codes USING p_rows;
  SELECT array_agg(place ORDER BY place) FILTER (WHERE admissible) AS places,
         array_agg(entity_code ORDER BY place) FILTER (WHERE admissible) AS codes,
         array_agg(idempotency_key ORDER BY place) FILTER (WHERE admissible) AS keys,
         array_agg(place) FILTER (WHERE NOT admissible) AS other_places,
         array_agg(entity_code) FILTER (WHERE NOT admissible) AS other_codes,
         array_agg(permit_id) FILTER (WHERE NOT admissible) AS other_permits,
         array_agg(finalized_at) FILTER (WHERE NOT admissible) AS other_times
    INTO v_batch
    FROM birthgate.prospects(p_collection, v_codes, p_idempotency_keys);
  IF v_batch.places IS NOT NULL THEN
    v_ids := birthgate.permit_request_many(p_collection, v_batch.codes, 'birth', v_batch.keys);
    v_reserved := birthgate.permit_reserve_many(v_ids);
    EXECUTE format('INSERT INTO %1$s (%2$s)
                    SELECT %2$s FROM (SELECT n.* FROM jsonb_array_elements($1) WITH ORDINALITY AS r(document, place),
                           LATERAL jsonb_populate_record(NULL::%1$s, r.document) AS n
                     WHERE r.place = ANY ($2) ORDER BY r.place) AS rows', v_table, v_columns) USING p_rows, v_batch.places;
  END IF;
  RETURN QUERY
    SELECT n.place, n.code, n.id, 'admitted', NULL::timestamptz
      FROM unnest(v_batch.places, v_batch.codes, v_ids) AS n(place, code, id)
     UNION ALL
    SELECT n.place, n.code, n.id, CASE WHEN n.at IS NOT NULL THEN 'already' END, n.at
      FROM unnest(v_batch.other_places, v_batch.other_codes, v_batch.other_permits, v_batch.other_times) AS n(place, code, id, at);
END
$$;

-- Ends an entity under a permit of that kind: deletes its row, and retires a phantom, which has none.
-- With p_cascade the governed rows that refer to it by a foreign key end first, under permits of their own.
CREATE OR REPLACE FUNCTION birthgate.end_entity(
  p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_cascade boolean) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_permit_id bigint := birthgate.permit_request(p_collection, p_entity_code, p_kind, p_idempotency_key);
  v_child record;
  v_deleted bigint := 0;
BEGIN
  IF birthgate.is_done(p_idempotency_key) THEN
    RETURN v_permit_id;
  END IF;
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  IF p_cascade THEN
    FOR v_child IN SELECT * FROM birthgate.children(v_collection, p_entity_code) LOOP
      PERFORM birthgate.end_entity(v_child.collection_name, v_child.entity_code,
                CASE WHEN EXISTS (SELECT FROM birthgate.birth_registry
                                   WHERE entity_code = v_child.entity_code AND collection_name = v_child.collection_name
                                     AND status <> 'retired') THEN 'retire' ELSE 'discard' END, NULL, true);
    END LOOP;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id);
  IF v_collection.mode IN ('observe', 'enforce') THEN
    EXECUTE format('DELETE FROM %I.%I AS t WHERE %s',
                   v_collection.table_schema, v_collection.table_name, v_collection.match_expression)
      USING ARRAY[p_entity_code];
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
  END IF;
  IF v_deleted = 0 AND p_kind = 'retire' THEN
    PERFORM birthgate.retire_phantom(v_permit_id);
  ELSIF v_deleted = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024',
      MESSAGE = format('%L of the collection %L has no row to discard', p_entity_code, p_collection),
      HINT = 'birthgate entity show tells what is known of it.';
  END IF;
  RETURN v_permit_id;
END
$$;

-- Ends an entity that was born: deletes its row, retires its birth; answers the permit that it took.
CREATE OR REPLACE FUNCTION birthgate.retire(
  p_collection text, p_entity_code text, p_idempotency_key text DEFAULT NULL, p_cascade boolean DEFAULT false) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT birthgate.end_entity(p_collection, p_entity_code, 'retire', p_idempotency_key, p_cascade) $$;

-- Deletes a row that has no birth.
CREATE OR REPLACE FUNCTION birthgate.discard(
  p_collection text, p_entity_code text, p_idempotency_key text DEFAULT NULL, p_cascade boolean DEFAULT false) RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT birthgate.end_entity(p_collection, p_entity_code, 'discard', p_idempotency_key, p_cascade) $$;

-- The rows of governed tables that refer to the entity's row by a foreign key. SECURITY INVOKER.
CREATE OR REPLACE FUNCTION birthgate.children(p_collection birthgate.collection, p_entity_code text)
RETURNS TABLE (collection_name text, entity_code text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_key record;
BEGIN
  FOR v_key IN
    SELECT c.collection_name, c.table_schema, c.table_name, c.code_expression,
           string_agg(format('n.%I', child.attname), ', ' ORDER BY k.place) AS child_columns,
           string_agg(format('t.%I', parent.attname), ', ' ORDER BY k.place) AS parent_columns
      FROM pg_catalog.pg_constraint f
      JOIN birthgate.collection c ON to_regclass(format('%I.%I', c.table_schema, c.table_name)) = f.conrelid
           AND c.mode IN ('observe', 'enforce')
     CROSS JOIN unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(child, parent, place)
      JOIN pg_catalog.pg_attribute child ON child.attrelid = f.conrelid AND child.attnum = k.child
      JOIN pg_catalog.pg_attribute parent ON parent.attrelid = f.confrelid AND parent.attnum = k.parent
     WHERE f.contype = 'f' AND f.conparentid = 0
       AND f.confrelid = to_regclass(format('%I.%I', p_collection.table_schema, p_collection.table_name))
     GROUP BY f.oid, c.collection_name, c.table_schema, c.table_name, c.code_expression
  LOOP
    IF current_setting('is_superuser') = 'on' THEN
      PERFORM birthgate.check_superuser(birthgate.collection_of(v_key.collection_name));
    END IF;
    RETURN QUERY EXECUTE format('SELECT %L::text, %s FROM %I.%I AS n WHERE (%s) IN (SELECT %s FROM %I.%I AS t WHERE %s)',
      v_key.collection_name, v_key.code_expression, v_key.table_schema, v_key.table_name, v_key.child_columns,
      v_key.parent_columns, p_collection.table_schema, p_collection.table_name, p_collection.match_expression)
      USING ARRAY[p_entity_code];
  END LOOP;
END
$$;

-- Gives an entity another code under a rename permit: its birth is retired, and says into what it was renamed.
CREATE OR REPLACE FUNCTION birthgate.rename(
  p_collection text, p_from_entity_code text, p_entity_code text, p_idempotency_key text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_permit_id bigint;
  v_renamed bigint;
BEGIN
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  v_permit_id := birthgate.permit_request(p_collection, p_entity_code, 'rename', p_idempotency_key,
                                          p_from_entity_code => p_from_entity_code);
  IF birthgate.is_done(p_idempotency_key) THEN
    RETURN v_permit_id;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id);
  EXECUTE format('UPDATE %I.%I AS t SET %s WHERE %s', v_collection.table_schema, v_collection.table_name,
            (SELECT string_agg(CASE WHEN cardinality(v_collection.code_columns) = 1 THEN format('%I = $2::%s', c.name, c.type)
                                    ELSE format('%I = ($2::jsonb ->> %s)::%s', c.name, c.place - 1, c.type) END, ', ')
               FROM unnest(v_collection.code_columns, v_collection.code_types) WITH ORDINALITY AS c(name, type, place)),
            v_collection.match_expression) USING ARRAY[p_from_entity_code], p_entity_code;
  GET DIAGNOSTICS v_renamed = ROW_COUNT;
  IF v_renamed = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024',
      MESSAGE = format('%L of the collection %L has no row to rename', p_from_entity_code, p_collection),
      HINT = 'birthgate entity show tells what is known of it.';
  END IF;
  RETURN v_permit_id;
END
$$;

-- Admits an entity that a registrar found outside: a tool file, a device. Only registrars may.
CREATE OR REPLACE FUNCTION birthgate.register(p_collection text, p_row jsonb, p_idempotency_key text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT birthgate.acts_as(session_user, 'birthgate_registrar') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016', MESSAGE = format('%I is no registrar', session_user),
      DETAIL = 'Registering what was found outside needs the role birthgate_registrar.',
      HINT = format('GRANT birthgate_registrar TO %I', session_user);
  END IF;
  RETURN birthgate.admit(p_collection, p_row, p_idempotency_key);
END
$$;

-- Retires a birth whose row is gone already, under a reserved retire permit.
CREATE OR REPLACE FUNCTION birthgate.retire_phantom(p_permit_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_permit birthgate.birth_admission_permit;
  v_collection birthgate.collection;
BEGIN
  SELECT * INTO v_permit FROM birthgate.birth_admission_permit WHERE id = p_permit_id;
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = v_permit.collection_name;
  IF v_permit.kind IS DISTINCT FROM 'retire' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024', MESSAGE = format('permit %s is not a retire permit', p_permit_id),
      HINT = 'SELECT birthgate.permit_hold(collection, code, ''retire'')';
  ELSIF birthgate_look.rows_present(v_collection, birthgate.keep_plain(v_collection, v_collection.code_columns, false), ARRAY[v_permit.entity_code]) <> 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'PB008',
      MESSAGE = format('%L of the collection %L is no phantom: its row is there', v_permit.entity_code, v_permit.collection_name),
      HINT = 'Delete the row under the retire permit.';
  ELSIF NOT EXISTS (SELECT FROM birthgate.birth_registry
                     WHERE entity_code = v_permit.entity_code AND collection_name = v_permit.collection_name
                       AND status <> 'retired') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024',
      MESSAGE = format('%L of the collection %L has no birth to retire', v_permit.entity_code, v_permit.collection_name),
      HINT = 'birthgate entity show tells what is known of it.';
  END IF;
  PERFORM birthgate.retire_row(v_collection, v_permit.entity_code);
END
$$;
