-- The guards: immediate, because a deferred check alone can be fired early (SET CONSTRAINTS ALL
-- IMMEDIATE) and its row removed afterwards. They hold for rows without a birth too.

-- Ends the entity under its retire permit, or discards a row that has no birth under a discard permit.
CREATE OR REPLACE FUNCTION birthgate.retire_row(p_collection birthgate.collection, p_entity_code text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_instance birthgate.instance;
  v_birth record;
  v_kind text;
  v_permit_id bigint;
BEGIN
  SELECT * INTO v_instance FROM birthgate.instance;
  SELECT id, born_xid, incarnation INTO v_birth FROM birthgate.birth_registry
   WHERE entity_code = p_entity_code AND collection_name = p_collection.collection_name AND status <> 'retired';
  IF v_birth.born_xid = pg_current_xact_id() AND v_birth.incarnation = v_instance.incarnation THEN
    RAISE EXCEPTION USING ERRCODE = 'PB008',
      MESSAGE = format('%L of the collection %L was born in this transaction and cannot be deleted in it', p_entity_code, p_collection.collection_name),
      DETAIL = 'Its permit would be spent with nothing born.',
      HINT = 'Roll the transaction, or its savepoint, back instead.';
  END IF;
  v_kind := CASE WHEN v_birth.id IS NULL THEN 'discard' ELSE 'retire' END;
  UPDATE birthgate.birth_admission_permit p
     SET state = 'CONSUMED', consumed_at = v_now, consumed_by = session_user,
         consumed_xid = pg_current_xact_id(), incarnation = v_instance.incarnation
   WHERE p.collection_name = p_collection.collection_name AND p.entity_code = p_entity_code AND p.active
     AND p.kind = v_kind
     AND birthgate.permit_is_spendable(p.state, p.expires_at, p.holder, session_user, v_now)
  RETURNING p.id INTO v_permit_id;
  IF v_permit_id IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB008',
      MESSAGE = format('%L of the collection %L cannot be deleted without a %s permit', p_entity_code, p_collection.collection_name, v_kind),
      DETAIL = (SELECT detail FROM birthgate.permit_problem(p_collection.collection_name, p_entity_code, ARRAY[v_kind], session_user, v_now)),
      HINT = format('SELECT birthgate.permit_hold(%L, %L, %L), then delete.', p_collection.collection_name, p_entity_code, v_kind);
  END IF;
  IF v_kind = 'retire' THEN
    UPDATE birthgate.birth_registry SET status = 'retired', retired_at = v_now, retire_permit_id = v_permit_id
     WHERE id = v_birth.id AND entity_code = p_entity_code;
  END IF;
  INSERT INTO birthgate.registry_changelog (collection_name, entity_code, action, permit_id)
  VALUES (p_collection.collection_name, p_entity_code, v_kind, v_permit_id);
  PERFORM birthgate.finalize_at_commit(p_collection, v_kind, ARRAY[v_permit_id]);
END
$$;

CREATE OR REPLACE FUNCTION birthgate.guard_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_code text;
BEGIN
  EXECUTE format('SELECT %s FROM (SELECT $1.*) AS n', v_collection.code_expression) INTO v_code USING OLD;
  IF v_collection.mode = 'enforce' THEN
    PERFORM birthgate.retire_row(v_collection, v_code);
  ELSIF v_collection.mode = 'observe' THEN
    BEGIN
      PERFORM birthgate.retire_row(v_collection, v_code);
    EXCEPTION
      WHEN serialization_failure OR deadlock_detected THEN
        RAISE;
      WHEN OTHERS THEN
        PERFORM birthgate.observe(v_collection.collection_name, v_code, 'DELETE', SQLSTATE);
    END;
  END IF;
  RETURN NULL;
END
$$;

-- Renames the entity under its rename permit: the old birth is retired and the new one born, in one act.
CREATE OR REPLACE FUNCTION birthgate.rename_row(p_collection birthgate.collection, p_from text, p_to text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_xid xid8 := pg_current_xact_id();
  v_incarnation bigint := (SELECT incarnation FROM birthgate.instance);
  v_permit_id bigint;
BEGIN
  UPDATE birthgate.birth_admission_permit p
     SET state = 'CONSUMED', consumed_at = v_now, consumed_by = session_user, consumed_xid = v_xid, incarnation = v_incarnation
   WHERE p.entity_code = p_to AND p.collection_name = p_collection.collection_name AND p.active
     AND p.kind = 'rename' AND p.from_entity_code = p_from
     AND birthgate.permit_is_spendable(p.state, p.expires_at, p.holder, session_user, v_now)
  RETURNING p.id INTO v_permit_id;
  IF v_permit_id IS NOT NULL THEN
    UPDATE birthgate.birth_registry SET status = 'retired', retired_at = v_now, retire_permit_id = v_permit_id, renamed_to = p_to
     WHERE entity_code = p_from AND collection_name = p_collection.collection_name AND status <> 'retired'
       AND (born_xid, incarnation) IS DISTINCT FROM (v_xid, v_incarnation);
  END IF;
  IF v_permit_id IS NULL OR NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB009',
      MESSAGE = format('the code of %L in the collection %L cannot be changed to %L', p_from, p_collection.collection_name, p_to),
      DETAIL = CASE WHEN v_permit_id IS NULL THEN 'A birth is of one code, and there is no rename permit from this one to that one.'
                    ELSE format('%L has no birth that this transaction did not make.', p_from) END,
      HINT = format('Rename it under a permit of its own: SELECT birthgate.rename(%L, %L, %L)', p_collection.collection_name, p_from, p_to);
  END IF;
  INSERT INTO birthgate.birth_registry (entity_code, collection_name, origin, permit_id, born_at, born_xid, incarnation)
  VALUES (p_to, p_collection.collection_name, 'permit', v_permit_id, v_now, v_xid, v_incarnation);
  INSERT INTO birthgate.registry_changelog (collection_name, entity_code, action, permit_id)
  VALUES (p_collection.collection_name, p_from, 'rename', v_permit_id);
  PERFORM birthgate.finalize_at_commit(p_collection, 'rename', ARRAY[v_permit_id]);
END
$$;

CREATE OR REPLACE FUNCTION birthgate.guard_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_old text;
  v_new text;
BEGIN
  EXECUTE format('SELECT %s FROM (SELECT $1.*) AS n', v_collection.code_expression) INTO v_old USING OLD;
  EXECUTE format('SELECT %s FROM (SELECT $1.*) AS n', v_collection.code_expression) INTO v_new USING NEW;
  IF v_old IS NOT DISTINCT FROM v_new THEN
    RETURN NULL;
  ELSIF v_collection.mode = 'enforce' THEN
    PERFORM birthgate.rename_row(v_collection, v_old, v_new);
  ELSIF v_collection.mode = 'observe' THEN
    BEGIN
      PERFORM birthgate.rename_row(v_collection, v_old, v_new);
    EXCEPTION
      WHEN serialization_failure OR deadlock_detected THEN
        RAISE;
      WHEN OTHERS THEN
        PERFORM birthgate.observe(v_collection.collection_name, v_new, 'UPDATE', SQLSTATE);
    END;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION birthgate.guard_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
BEGIN
  IF v_collection.mode = 'observe' THEN
    PERFORM birthgate.observe(v_collection.collection_name, NULL, 'TRUNCATE', 'PB010');
  ELSIF v_collection.mode = 'enforce' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB010',
      MESSAGE = format('the collection %L cannot be truncated', v_collection.collection_name),
      DETAIL = 'Each of its rows ends under a permit of its own.',
      HINT = 'Delete the rows under retire permits, or: birthgate collection ungovern';
  END IF;
  RETURN NULL;
END
$$;
