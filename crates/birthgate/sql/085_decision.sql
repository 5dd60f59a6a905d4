-- What a collection's entities are is its owner's to decide. Who may act as birthgate_owner calls this, after the
-- owner's signature was verified outside; the text and the signature go into the evidence log with it.

CREATE OR REPLACE FUNCTION birthgate.decide_identity(p_collection text, p_identity text, p_alias_of text, p_evidence jsonb)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_entry bigint;
  v_count bigint;
BEGIN
  IF p_identity = 'alias' THEN
    PERFORM birthgate.collection_of(p_alias_of);
    v_count := birthgate.count_not_born_in(p_collection, p_alias_of);
    IF v_count > 0 OR p_alias_of = p_collection THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025',
        MESSAGE = format('the entities of %L are no aliases of those of %L', p_collection, p_alias_of),
        DETAIL = format('%s of their codes are not born there.', v_count), HINT = 'Decide otherwise, or bear them there first.';
    END IF;
  ELSIF p_identity = 'retired' THEN
    SELECT count(*) INTO v_count FROM birthgate.birth_registry WHERE collection_name = p_collection AND status <> 'retired';
    IF v_count > 0 OR v_collection.mode <> 'listed' THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('the collection %L cannot be retired as it is', p_collection),
        DETAIL = format('%s of its births are not retired; its mode is %s.', v_count, v_collection.mode),
        HINT = 'Retire its entities (entity retire) and give its table back (collection ungovern) first.';
    END IF;
  END IF;
  v_entry := birthgate_evidence.note('decision',
    p_evidence || jsonb_build_object('collection', p_collection, 'identity', p_identity, 'alias_of', p_alias_of));
  INSERT INTO birthgate.identity_decision (collection_name, identity, alias_of, entry) VALUES (p_collection, p_identity, p_alias_of, v_entry)
  ON CONFLICT (collection_name) DO UPDATE SET identity = EXCLUDED.identity, alias_of = EXCLUDED.alias_of, entry = EXCLUDED.entry,
    decided_at = EXCLUDED.decided_at, decided_by = EXCLUDED.decided_by;
  INSERT INTO birthgate.registry_changelog (collection_name, action) VALUES (p_collection, 'decided ' || p_identity || coalesce(' of ' || p_alias_of, ''));
  RETURN v_entry;
END
$$;

-- How many rows of a collection have a code that is not born in another.
CREATE OR REPLACE FUNCTION birthgate.count_not_born_in(p_collection text, p_other text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
BEGIN
  PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
  RETURN birthgate_look.count_not_born_in(v_collection, p_other);
END
$$;

-- Whether the rows of a collection are to have births of their own: where an owner has decided otherwise, none is missing.
CREATE OR REPLACE FUNCTION birthgate.has_own_births(p_collection text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT NOT EXISTS (SELECT FROM birthgate.identity_decision WHERE collection_name = p_collection AND identity <> 'own')
$$;
