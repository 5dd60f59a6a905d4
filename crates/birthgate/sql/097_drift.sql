-- The baseline: what enforces the gate, as it was found good. It is compared from outside; here it is only kept.

-- Stores a whole baseline, or, without a header, what became of single objects (NULL attributes: it is gone).
CREATE OR REPLACE FUNCTION birthgate.baseline_put(p_header jsonb, p_objects jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  DELETE FROM birthgate.baseline_object WHERE p_header IS NOT NULL OR object IN (SELECT o ->> 'object' FROM jsonb_array_elements(p_objects) AS o);
  INSERT INTO birthgate.baseline_object (object, kind, hash, attributes)
  SELECT o ->> 'object', o ->> 'kind', o ->> 'hash', o -> 'attributes' FROM jsonb_array_elements(p_objects) AS o WHERE o ->> 'hash' IS NOT NULL;
  IF p_header IS NOT NULL THEN
    INSERT INTO birthgate.baseline (root, major, incarnation, instance, taken_at, taken_by, seen_at)
    VALUES (p_header ->> 'root', (p_header ->> 'major')::integer, (SELECT incarnation::text FROM birthgate.instance), p_header ->> 'instance',
            clock_timestamp(), session_user, clock_timestamp())
    ON CONFLICT (only_row) DO UPDATE SET root = EXCLUDED.root, major = EXCLUDED.major, incarnation = EXCLUDED.incarnation,
      instance = EXCLUDED.instance, taken_at = EXCLUDED.taken_at, taken_by = EXCLUDED.taken_by, seen_at = EXCLUDED.seen_at;
  END IF;
END
$$;

-- Notes that the gate was found to be as the baseline says.
CREATE OR REPLACE FUNCTION birthgate.baseline_seen() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  UPDATE birthgate.baseline SET seen_at = clock_timestamp()
$$;

-- Makes gate drift a dimension, and says which actions it blocks: those named, and those that it blocks already.
CREATE OR REPLACE FUNCTION birthgate.gate_drift_put(p_blocks text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  INSERT INTO birthgate.block_dimension (name, description, bound, max_age)
  VALUES ('gate_drift', 'objects of the gate that are not as the baseline says', 0, '1 hour') ON CONFLICT DO NOTHING;
  INSERT INTO birthgate.block_rule (action, dimension) SELECT action, 'gate_drift' FROM unnest(p_blocks) AS action ON CONFLICT DO NOTHING;
$$;
