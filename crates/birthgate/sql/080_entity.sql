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
     AND EXISTS (SELECT FROM birthgate.permit_by_key(p_idempotency_key) WHERE state = 'FINALIZED') THEN
    RETURN v_permit_id;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id);
  SELECT string_agg(quote_ident(key), ', ') INTO v_columns FROM jsonb_object_keys(p_row) AS key;
  EXECUTE format('INSERT INTO %1$I.%2$I (%3$s) SELECT %3$s FROM jsonb_populate_record(NULL::%1$I.%2$I, $1)',
                 v_collection.table_schema, v_collection.table_name, v_columns) USING p_row;
  RETURN v_permit_id;
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
     AND EXISTS (SELECT FROM birthgate.permit_by_key(p_idempotency_key) WHERE state = 'FINALIZED') THEN
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
