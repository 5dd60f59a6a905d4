-- The gate: admits rows that were really inserted, against their permits. It consumes AFTER the
-- insert, never BEFORE: a BEFORE trigger that consumed would leak a permit whenever the row is then
-- not inserted (ON CONFLICT DO NOTHING, a later BEFORE trigger that answers NULL).

-- Consumes the permits of the codes and registers their births, all as sets.
CREATE OR REPLACE FUNCTION birthgate.admit_rows(p_collection birthgate.collection, p_entity_codes text[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_xid xid8 := pg_current_xact_id();
  v_permit_ids bigint[];
  v_refused text[];
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
    IF p_collection.mode = 'enforce' THEN
      PERFORM birthgate.refuse_unpermitted(p_collection.collection_name, v_refused, ARRAY['birth']);
    ELSE
      PERFORM birthgate.observe(p_collection.collection_name, n.entity_code, 'INSERT', p.code)
         FROM unnest(v_refused) AS n(entity_code),
              birthgate.permit_problem(p_collection.collection_name, n.entity_code, ARRAY['birth'], session_user, v_now) AS p;
    END IF;
  END IF;
  RETURN birthgate.finalize_at_commit(p_collection, 'birth', v_permit_ids);
END
$$;

-- Admits in the collection's mode. Observing refuses nothing: whatever goes wrong inside is recorded.
CREATE OR REPLACE FUNCTION birthgate.admit_in_mode(p_collection birthgate.collection, p_entity_codes text[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_collection.mode = 'enforce' THEN
    RETURN birthgate.admit_rows(p_collection, p_entity_codes);
  ELSIF p_collection.mode = 'observe' THEN
    BEGIN
      RETURN birthgate.admit_rows(p_collection, p_entity_codes);
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
  v_admitted boolean;
BEGIN
  EXECUTE format('SELECT array_agg(%s) FROM new_rows AS n', v_collection.code_expression) INTO v_codes;
  IF v_codes IS NOT NULL THEN
    v_admitted := birthgate.admit_in_mode(v_collection, v_codes);
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
  v_code text;
  v_admitted boolean;
BEGIN
  EXECUTE format('SELECT %s FROM (SELECT $1.*) AS n', v_collection.code_expression) INTO v_code USING NEW;
  v_admitted := birthgate.admit_in_mode(v_collection, ARRAY[v_code]);
  RETURN NULL;
END
$$;
