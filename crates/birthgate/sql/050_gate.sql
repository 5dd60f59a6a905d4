-- The gate: admits rows that were really inserted, against their permits. It consumes AFTER the
-- insert, never BEFORE: a BEFORE trigger that consumed would leak a permit whenever the row is then
-- not inserted (ON CONFLICT DO NOTHING, a later BEFORE trigger that answers NULL).

-- Consumes open permits of the login for codes that the database made, and registers their births.
-- Answers the permits; codes for which there is none are left over.
CREATE OR REPLACE FUNCTION birthgate.admit_open(
  p_collection birthgate.collection, p_entity_codes text[], p_now timestamptz) RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_checked boolean := birthgate.check_code_rule(p_collection.collection_name, p_entity_codes)
                       AND birthgate.check_unborn(p_collection.collection_name, p_entity_codes);
  v_incarnation bigint := (SELECT incarnation FROM birthgate.instance);
  v_permit_ids bigint[];
BEGIN
  -- Another transaction's are passed over, not waited for: which of them it is makes no difference.
  WITH open AS (
    SELECT array_agg(id) AS ids FROM (
      SELECT p.id FROM birthgate.birth_admission_permit p
       WHERE p.entity_code IS NULL AND p.collection_name = p_collection.collection_name AND p.active AND p.kind = 'birth'
         AND birthgate.permit_is_spendable(p.state, p.expires_at, p.holder, session_user, p_now)
       ORDER BY p.id = nullif(current_setting('birthgate.permit_id', true), '')::bigint DESC NULLS LAST, p.id
       LIMIT cardinality(p_entity_codes) FOR NO KEY UPDATE SKIP LOCKED) AS free),
  spent AS (
    UPDATE birthgate.birth_admission_permit p
       SET entity_code = n.entity_code, state = 'CONSUMED', consumed_at = p_now, consumed_by = session_user,
           consumed_xid = pg_current_xact_id(), incarnation = v_incarnation
      FROM unnest((SELECT ids FROM open), p_entity_codes) AS n(id, entity_code)
     WHERE p.id = n.id AND p.id = ANY ((SELECT ids FROM open)::bigint[])
    RETURNING p.id, p.entity_code),
  registered AS (
    INSERT INTO birthgate.birth_registry
           (entity_code, collection_name, origin, permit_id, born_at, born_xid, incarnation)
    SELECT entity_code, p_collection.collection_name, 'permit', id, p_now, pg_current_xact_id(), v_incarnation FROM spent
    RETURNING permit_id)
  SELECT array_agg(permit_id) INTO v_permit_ids FROM registered;
  RETURN v_permit_ids;
END
$$;

-- Refuses a row that is not the one that its permit is bound to.
CREATE OR REPLACE FUNCTION birthgate.check_bound(
  p_collection birthgate.collection, p_permit_ids bigint[], p_entity_codes text[], p_row_hashes bytea[]) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_permit record;
BEGIN
  SELECT p.id, p.entity_code INTO v_permit
    FROM unnest(p_entity_codes, p_row_hashes) AS n(entity_code, row_hash)
    JOIN birthgate.birth_admission_permit p ON p.id = ANY (p_permit_ids) AND p.entity_code = n.entity_code
   WHERE p.row_hash <> n.row_hash LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB021',
      MESSAGE = format('the row of %L in the collection %L is not the one that was permitted', v_permit.entity_code, p_collection.collection_name),
      DETAIL = format('Permit %s is bound to the columns %s.', v_permit.id, array_to_string(p_collection.bound_columns, ', ')),
      HINT = 'Insert the row as it was requested, or request a permit for this one.';
  END IF;
  RETURN true;
END
$$;

-- Consumes the permits of the codes and registers their births, all as sets.
CREATE OR REPLACE FUNCTION birthgate.admit_rows(
  p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_xid xid8 := pg_current_xact_id();
  v_permit_ids bigint[];
  v_refused text[];
  v_checked boolean;
BEGIN
  WITH here AS (
    SELECT incarnation, registry_table IS NOT NULL AS is_adopted FROM birthgate.instance),
  spent AS (
    UPDATE birthgate.birth_admission_permit p
       SET state = 'CONSUMED', consumed_at = v_now, consumed_by = session_user,
           consumed_xid = v_xid, incarnation = (SELECT incarnation FROM here)
     WHERE p.entity_code = ANY (p_entity_codes) AND p.collection_name = p_collection.collection_name
       AND p.active AND p.kind = 'birth'
       AND birthgate.permit_is_spendable(p.state, p.expires_at, p.holder, session_user, v_now)
    RETURNING p.id, p.entity_code),
  -- In an adopted registry a legacy trigger may have written the birth already, in this
  -- transaction. Such a birth is bound, not doubled.
  bound AS (
    UPDATE birthgate.birth_registry b SET origin = 'permit', permit_id = s.id
      FROM spent s
     WHERE (SELECT is_adopted FROM here)
       AND b.entity_code = s.entity_code AND b.collection_name = p_collection.collection_name
       AND b.permit_id IS NULL AND b.status = 'born'
       AND b.born_xid = v_xid AND b.incarnation = (SELECT incarnation FROM here)
    RETURNING b.permit_id),
  registered AS (
    INSERT INTO birthgate.birth_registry
           (entity_code, collection_name, origin, permit_id, born_at, born_xid, incarnation)
    SELECT s.entity_code, p_collection.collection_name, 'permit', s.id, v_now, v_xid,
           (SELECT incarnation FROM here)
      FROM spent s
     WHERE NOT (SELECT is_adopted FROM here) OR s.id NOT IN (SELECT permit_id FROM bound)
    RETURNING permit_id)
  SELECT array_agg(permit_id) INTO v_permit_ids
    FROM (SELECT permit_id FROM registered UNION ALL SELECT permit_id FROM bound) AS born;

  -- Counts, not an anti-join: two rows of one code would consume once and hide in an anti-join.
  IF coalesce(cardinality(v_permit_ids), 0) <> cardinality(p_entity_codes) THEN
    v_refused := ARRAY(SELECT unnest(p_entity_codes) EXCEPT ALL
                       SELECT entity_code FROM birthgate.birth_admission_permit WHERE id = ANY (v_permit_ids));
    IF p_collection.open_permits THEN
      v_permit_ids := v_permit_ids || birthgate.admit_open(p_collection, v_refused, v_now);
      v_refused := ARRAY(SELECT unnest(v_refused) EXCEPT ALL
                         SELECT entity_code FROM birthgate.birth_admission_permit WHERE id = ANY (v_permit_ids));
    END IF;
    IF cardinality(v_refused) = 0 THEN
      NULL;
    ELSIF p_collection.mode = 'enforce' THEN
      PERFORM birthgate.refuse_unpermitted(p_collection.collection_name, v_refused, ARRAY['birth']);
    ELSE
      PERFORM birthgate.observe(p_collection.collection_name, n.entity_code, 'INSERT', p.code)
         FROM unnest(v_refused) AS n(entity_code),
              birthgate.permit_problem(p_collection.collection_name, n.entity_code, ARRAY['birth'], session_user, v_now) AS p;
    END IF;
  END IF;
  IF p_row_hashes IS NOT NULL THEN
    v_checked := birthgate.check_bound(p_collection, v_permit_ids, p_entity_codes, p_row_hashes);
  END IF;
  RETURN birthgate.finalize_at_commit(p_collection, 'birth', v_permit_ids);
END
$$;

-- Admits in the collection's mode. Observing refuses nothing: whatever goes wrong inside is recorded.
CREATE OR REPLACE FUNCTION birthgate.admit_in_mode(
  p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_collection.mode = 'enforce' THEN
    RETURN birthgate.admit_rows(p_collection, p_entity_codes, p_row_hashes);
  ELSIF p_collection.mode = 'observe' THEN
    BEGIN
      RETURN birthgate.admit_rows(p_collection, p_entity_codes, p_row_hashes);
    EXCEPTION
      WHEN serialization_failure OR deadlock_detected THEN
        RAISE;  -- a retry, not a refusal
      WHEN OTHERS THEN
        PERFORM birthgate.observe(p_collection.collection_name, c, 'INSERT', SQLSTATE) FROM unnest(p_entity_codes) AS c;
    END;
  END IF;
  RETURN true;
END
$$;

-- The statement form: one call for all rows of a statement.
CREATE OR REPLACE FUNCTION birthgate.gate_statement() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_codes text[];
  v_row_hashes bytea[];
  v_admitted boolean;
BEGIN
  EXECUTE 'SELECT array_agg(' || v_collection.code_expression
          || coalesce('), array_agg(' || v_collection.bound_expression, '') || ') FROM new_rows AS n' INTO v_codes, v_row_hashes;
  IF v_codes IS NOT NULL THEN
    v_admitted := birthgate.admit_in_mode(v_collection, v_codes, v_row_hashes);
  END IF;
  RETURN NULL;
END
$$;

-- The row form: where a statement trigger would not fire (a leaf partition written directly, the
-- apply of logical replication).
CREATE OR REPLACE FUNCTION birthgate.gate_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_codes text[];
  v_row_hashes bytea[];
  v_admitted boolean;
BEGIN
  EXECUTE 'SELECT ARRAY[' || v_collection.code_expression
          || coalesce('], ARRAY[' || v_collection.bound_expression, '') || '] FROM (SELECT $1.*) AS n'
     INTO v_codes, v_row_hashes USING NEW;
  v_admitted := birthgate.admit_in_mode(v_collection, v_codes, v_row_hashes);
  RETURN NULL;
END
$$;
