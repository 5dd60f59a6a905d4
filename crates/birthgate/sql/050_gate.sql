-- The gate: admits rows that were really inserted, against their permits. It consumes AFTER the
-- insert, never BEFORE: a BEFORE trigger that consumed would leak a permit whenever the row is then
-- not inserted (ON CONFLICT DO NOTHING, a later BEFORE trigger that answers NULL).

-- Consumes the permits of the codes and registers their births, all as sets.
CREATE OR REPLACE FUNCTION birthgate.admit_rows(p_collection birthgate.collection, p_entity_codes text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_xid xid8 := pg_current_xact_id();
  v_instance birthgate.instance;
  v_permit_ids bigint[];
  v_admitted text[];
  v_bound text[];
  v_refused text[];
BEGIN
  SELECT * INTO v_instance FROM birthgate.instance;
  WITH spent AS (
    UPDATE birthgate.birth_admission_permit p
       SET state = 'CONSUMED', consumed_at = v_now, consumed_by = session_user,
           consumed_xid = v_xid, incarnation = v_instance.incarnation
     WHERE p.collection_name = p_collection.collection_name AND p.entity_code = ANY (p_entity_codes)
       AND p.active AND p.kind = 'birth'
       AND birthgate.permit_is_spendable(p.state, p.expires_at, p.holder, session_user, v_now)
    RETURNING p.id, p.entity_code)
  SELECT array_agg(id), array_agg(entity_code) INTO v_permit_ids, v_admitted FROM spent;

  -- Counts, not an anti-join: two rows of one code would consume once and hide in an anti-join.
  IF coalesce(cardinality(v_permit_ids), 0) <> cardinality(p_entity_codes) THEN
    v_refused := ARRAY(SELECT unnest(p_entity_codes) EXCEPT ALL SELECT unnest(v_admitted));
    IF p_collection.mode = 'enforce' THEN
      PERFORM birthgate.refuse_unpermitted(p_collection.collection_name, v_refused, ARRAY['birth']);
    ELSE
      PERFORM birthgate.observe(p_collection.collection_name, n.entity_code, 'INSERT', p.code)
         FROM unnest(v_refused) AS n(entity_code),
              birthgate.permit_problem(p_collection.collection_name, n.entity_code, ARRAY['birth'], session_user, v_now) AS p;
    END IF;
  END IF;

  IF v_instance.registry_table IS NOT NULL THEN
    -- An adopted registry: a legacy trigger may have written the birth already, in this transaction.
    -- Such a birth is bound, not doubled.
    WITH bound AS (
      UPDATE birthgate.birth_registry b SET origin = 'permit', permit_id = n.permit_id
        FROM unnest(v_permit_ids, v_admitted) AS n(permit_id, entity_code)
       WHERE b.entity_code = n.entity_code AND b.collection_name = p_collection.collection_name
         AND b.permit_id IS NULL AND b.status = 'born'
         AND b.born_xid = v_xid AND b.incarnation = v_instance.incarnation
      RETURNING b.entity_code)
    SELECT array_agg(entity_code) INTO v_bound FROM bound;
  END IF;
  IF coalesce(cardinality(v_bound), 0) <> cardinality(v_admitted) THEN
    INSERT INTO birthgate.birth_registry (entity_code, collection_name, origin, permit_id, born_at, born_xid, incarnation)
    SELECT n.entity_code, p_collection.collection_name, 'permit', n.permit_id, v_now, v_xid, v_instance.incarnation
      FROM unnest(v_permit_ids, v_admitted) AS n(permit_id, entity_code)
     WHERE v_bound IS NULL
        OR n.entity_code IN (SELECT unnest(v_admitted) EXCEPT SELECT unnest(v_bound));
  END IF;
  PERFORM birthgate.finalize_at_commit(p_collection, 'birth', v_permit_ids);
END
$$;

-- Admits in the collection's mode. Observing refuses nothing: whatever goes wrong inside is recorded.
CREATE OR REPLACE FUNCTION birthgate.admit_in_mode(p_collection birthgate.collection, p_entity_codes text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_collection.mode = 'enforce' THEN
    PERFORM birthgate.admit_rows(p_collection, p_entity_codes);
  ELSIF p_collection.mode = 'observe' THEN
    BEGIN
      PERFORM birthgate.admit_rows(p_collection, p_entity_codes);
    EXCEPTION
      WHEN serialization_failure OR deadlock_detected THEN
        RAISE;  -- a retry, not a refusal
      WHEN OTHERS THEN
        PERFORM birthgate.observe(p_collection.collection_name, c, 'INSERT', SQLSTATE) FROM unnest(p_entity_codes) AS c;
    END;
  END IF;
END
$$;

-- The statement form: one call for all rows of a statement.
CREATE OR REPLACE FUNCTION birthgate.gate_statement() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET "TimeZone" = 'UTC' SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = 'postgres'
SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_codes text[];
BEGIN
  EXECUTE format('SELECT array_agg(%s) FROM new_rows AS n', v_collection.code_expression) INTO v_codes;
  IF v_codes IS NOT NULL THEN
    PERFORM birthgate.plan_for(cardinality(v_codes));
    PERFORM birthgate.admit_in_mode(v_collection, v_codes);
  END IF;
  RETURN NULL;
END
$$;

-- The row form: where a statement trigger would not fire (a leaf partition written directly, the
-- apply of logical replication).
CREATE OR REPLACE FUNCTION birthgate.gate_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET "TimeZone" = 'UTC' SET "DateStyle" = 'ISO, MDY' SET "IntervalStyle" = 'postgres'
SET extra_float_digits = 1 SET bytea_output = 'hex'
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_code text;
BEGIN
  EXECUTE format('SELECT %s FROM (SELECT $1.*) AS n', v_collection.code_expression) INTO v_code USING NEW;
  PERFORM birthgate.admit_in_mode(v_collection, ARRAY[v_code]);
  RETURN NULL;
END
$$;
