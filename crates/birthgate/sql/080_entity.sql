-- One entity in one call, for any client: admit and retire. SECURITY INVOKER: the row is written with
-- the caller's own privileges.

-- Requests, reserves and inserts; answers the permit's id. With a key it is idempotent: the same call
-- again answers the same permit and inserts nothing.
CREATE OR REPLACE FUNCTION birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection;
  v_permit_id bigint;
  v_columns text;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  v_permit_id := birthgate.permit_request(p_collection, p_row ->> v_collection.code_column, 'birth', p_idempotency_key);
  IF p_idempotency_key IS NOT NULL
     AND EXISTS (SELECT FROM birthgate.permits_by_key(ARRAY[p_idempotency_key]) WHERE state = 'FINALIZED') THEN
    RETURN v_permit_id;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id);
  SELECT string_agg(quote_ident(key), ', ') INTO v_columns FROM jsonb_object_keys(p_row) AS key;
  EXECUTE format('INSERT INTO %1$I.%2$I (%3$s) SELECT %3$s FROM jsonb_populate_record(NULL::%1$I.%2$I, $1)',
                 v_collection.table_schema, v_collection.table_name, v_columns) USING p_row;
  RETURN v_permit_id;
END
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
    LEFT JOIN LATERAL (SELECT id, finalized_at FROM birthgate.birth_admission_permit
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
  v_collection birthgate.collection;
  v_table text;
  v_columns text;
  v_codes text[];
  v_ids bigint[];
  v_reserved boolean;
  v_batch record;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018', MESSAGE = format('there is no collection %L', p_collection),
      HINT = 'birthgate collection list shows the collections.';
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

-- Ends an entity under a retire permit: deletes its row, or retires a phantom, which has none.
CREATE OR REPLACE FUNCTION birthgate.retire(p_collection text, p_entity_code text, p_idempotency_key text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection;
  v_permit_id bigint;
  v_deleted bigint;
BEGIN
  v_permit_id := birthgate.permit_request(p_collection, p_entity_code, 'retire', p_idempotency_key);
  IF p_idempotency_key IS NOT NULL
     AND EXISTS (SELECT FROM birthgate.permits_by_key(ARRAY[p_idempotency_key]) WHERE state = 'FINALIZED') THEN
    RETURN v_permit_id;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id);
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  IF v_collection.mode IN ('observe', 'enforce') THEN
    EXECUTE format('DELETE FROM %I.%I AS t WHERE %s',
                   v_collection.table_schema, v_collection.table_name, v_collection.match_expression)
      USING ARRAY[p_entity_code];
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
  END IF;
  IF coalesce(v_deleted, 0) = 0 THEN
    PERFORM birthgate.retire_phantom(v_permit_id);
  END IF;
  RETURN v_permit_id;
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
  ELSIF birthgate.rows_present(v_collection, ARRAY[v_permit.entity_code]) <> 0 THEN
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
