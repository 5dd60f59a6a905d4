-- The commit boundary. Each gated statement leaves one row in birthgate.finalization, whose deferred
-- trigger finalises that statement's permits as a set: it checks these births and these rows.

-- Finalises permits that this transaction consumed. Refuses when a birth is not theirs any more, when
-- a born row is gone, or when a retired one is there again.
CREATE OR REPLACE FUNCTION birthgate.finalize_permits(
  p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_codes text[];
  v_left text[];
  v_finalized bigint;
  v_births bigint;
  v_present bigint;
  v_condition text;
BEGIN
  WITH done AS (
    UPDATE birthgate.birth_admission_permit p SET state = 'FINALIZED', finalized_at = v_now
     WHERE p.id = ANY (p_permit_ids) AND p.state = 'CONSUMED' AND p.consumed_xid = pg_current_xact_id()
    RETURNING p.entity_code, p.from_entity_code),
  births AS (
    UPDATE birthgate.birth_registry b SET status = 'finalized', finalized_at = v_now
     WHERE b.permit_id = ANY (p_permit_ids) AND b.status = 'born'
    RETURNING b.permit_id)
  SELECT array_agg(entity_code), array_agg(from_entity_code), count(*), (SELECT count(*) FROM births)
    INTO v_codes, v_left, v_finalized, v_births FROM done;
  IF p_kind IN ('birth', 'rename') THEN
    v_finalized := least(v_finalized, v_births);
  END IF;
  IF v_finalized <> cardinality(p_permit_ids) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB007',
      MESSAGE = format('%s of %s births of the collection %L are gone at the commit boundary',
                       cardinality(p_permit_ids) - v_finalized, cardinality(p_permit_ids), p_collection.collection_name),
      DETAIL = 'A permit is finalised together with the birth that it made.',
      HINT = 'Run the transaction again; nothing of it was kept.';
  END IF;
  IF p_collection.finalize = 'required' THEN
    -- The transaction has written the table, so nobody else changes it; its owner may have, in this very transaction.
    v_condition := birthgate.check_plain(p_collection, p_collection.code_columns);
    v_present := birthgate_look.rows_present(p_collection, v_condition, v_codes);
    IF v_present <> (CASE WHEN p_kind IN ('birth', 'rename') THEN v_finalized ELSE 0 END)
       OR p_kind = 'rename' AND birthgate_look.rows_present(p_collection, v_condition, v_left) <> 0 THEN
      IF p_collection.mode = 'observe' THEN
        PERFORM birthgate.observe(p_collection.collection_name, NULL, 'COMMIT', 'PB007');
      ELSE
        RAISE EXCEPTION USING ERRCODE = 'PB007',
          MESSAGE = CASE WHEN p_kind IN ('birth', 'rename') THEN format('%s of %s rows born in the collection %L have vanished before the commit', v_finalized - v_present, v_finalized, p_collection.collection_name)
                    ELSE format('%s of %s rows retired from the collection %L are there at the commit', v_present, v_finalized, p_collection.collection_name) END,
          DETAIL = 'There is never a birth without its row, nor a retired entity with one.',
          HINT = 'Run the transaction again without the statement that undid the row; nothing of it was kept.';
      END IF;
    END IF;
  END IF;
  RETURN true;
END
$$;

-- Leaves the permits for the commit boundary, or finalises them now where the collection says so.
CREATE OR REPLACE FUNCTION birthgate.finalize_at_commit(
  p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF p_permit_ids IS NULL THEN
    RETURN true;
  ELSIF p_collection.finalize = 'required' THEN
    INSERT INTO birthgate.finalization (first_permit_id, collection_name, kind, permit_ids)
    VALUES (p_permit_ids[1], p_collection.collection_name, p_kind, p_permit_ids);
  ELSE
    RETURN birthgate.finalize_permits(p_collection, p_kind, p_permit_ids);
  END IF;
  RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION birthgate.finalize() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_collection birthgate.collection;
  v_finalized boolean;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = NEW.collection_name;
  v_finalized := birthgate.finalize_permits(v_collection, NEW.kind, NEW.permit_ids);
  DELETE FROM birthgate.finalization WHERE first_permit_id = NEW.first_permit_id;
  RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS finalize ON birthgate.finalization;
CREATE CONSTRAINT TRIGGER finalize AFTER INSERT ON birthgate.finalization
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION birthgate.finalize();
ALTER TABLE birthgate.finalization ENABLE ALWAYS TRIGGER finalize;
