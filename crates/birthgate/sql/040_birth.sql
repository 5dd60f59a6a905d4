-- The birth: who may write the registry, and whether a code is free. The guards stand on the table
-- itself; for an adopted registry that is the old table (see 110_adopt.sql), which is why they are
-- made by a function that is told where.

-- Whether the codes can still be born in the collection. A retired code is not born again.
CREATE OR REPLACE FUNCTION birthgate.check_unborn(p_collection text, p_entity_codes text[]) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_birth record;
BEGIN
  FOR v_birth IN
    SELECT b.id, b.entity_code, b.collection_name, b.status
      FROM birthgate.birth_registry b WHERE b.entity_code = ANY (p_entity_codes)
  LOOP
    IF v_birth.collection_name = p_collection THEN
      RAISE EXCEPTION USING ERRCODE = 'PB005',
        MESSAGE = format('%L is born already in the collection %L', v_birth.entity_code, p_collection),
        DETAIL = format('Birth %s is %s.', v_birth.id, v_birth.status),
        HINT = CASE v_birth.status WHEN 'retired' THEN 'A retired code is not born again: choose another code.'
                    ELSE 'The entity exists: update it, or choose another code.' END;
    ELSIF birthgate.registry_key_is_single() THEN
      RAISE EXCEPTION USING ERRCODE = 'PB006',
        MESSAGE = format('%L is born in the collection %L, and the registry''s key is the code alone',
                         v_birth.entity_code, v_birth.collection_name),
        DETAIL = format('Birth %s holds the code; a second-collection birth needs the key (entity_code, collection_name).', v_birth.id),
        HINT = 'Replace the registry''s UNIQUE (entity_code) by the composite key first.';
    END IF;
  END LOOP;
  RETURN true;
END
$$;

-- Whether the codes are born in the collection and not retired.
CREATE OR REPLACE FUNCTION birthgate.check_born(p_collection text, p_entity_codes text[]) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_code text;
BEGIN
  FOREACH v_code IN ARRAY p_entity_codes LOOP
    IF NOT EXISTS (SELECT FROM birthgate.birth_registry
                    WHERE entity_code = v_code AND collection_name = p_collection AND status <> 'retired') THEN
      RAISE EXCEPTION USING ERRCODE = 'PB024',
        MESSAGE = format('%L of the collection %L has no birth', v_code, p_collection),
        HINT = 'birthgate collection backfill bears the rows that were there before the gate.';
    END IF;
  END LOOP;
  RETURN true;
END
$$;

-- The table that holds the births: our own, or the adopted one.
CREATE OR REPLACE FUNCTION birthgate.registry_table() RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT to_regclass(CASE WHEN registry_table IS NULL THEN 'birthgate.birth_registry'
                          ELSE format('%I.%I', registry_schema, registry_table) END)
    FROM birthgate.instance
$$;

-- Whether a unique key on the code alone still stands on the registry.
CREATE OR REPLACE FUNCTION birthgate.registry_key_is_single() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = birthgate.registry_table() AND i.indisunique AND i.indnkeyatts = 1
       AND i.indpred IS NULL AND a.attname = 'entity_code')
$$;

-- Only birthgate_owner binds, finalises, retires, re-keys or deletes a birth. SECURITY INVOKER.
-- Others may still insert what a legacy trigger inserts: a born, unbound birth.
CREATE OR REPLACE FUNCTION birthgate.birth_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'PB012',
    MESSAGE = format('%s on %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
    DETAIL = format('Only Birthgate''s own functions bind, finalise, retire, re-key or delete a birth; the role here is %I.', current_user),
    HINT = 'A birth ends by its retirement: SELECT birthgate.retire(collection, code)';
END
$$;

-- A birth that a legacy trigger wrote into an enforced collection must be bound to a permit at commit.
CREATE OR REPLACE FUNCTION birthgate.birth_must_be_bound() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  PERFORM FROM birthgate.collection WHERE collection_name = NEW.collection_name AND mode = 'enforce';
  IF FOUND THEN
    PERFORM FROM birthgate.birth_registry b
      WHERE b.entity_code = NEW.entity_code AND b.collection_name = NEW.collection_name AND b.permit_id IS NULL
        AND b.status <> 'retired';
    IF FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'PB023',
        MESSAGE = format('a birth of %L in the collection %L without a permit', NEW.entity_code, NEW.collection_name),
        DETAIL = 'The collection is enforced: each of its births is bound to a permit when it commits.',
        HINT = format('Insert the entity itself, under a permit: SELECT birthgate.permit_hold(%L, %L)',
                      NEW.collection_name, NEW.entity_code);
    END IF;
  END IF;
  RETURN NULL;
END
$$;

-- The statements that guard the registry table of that name.
CREATE OR REPLACE FUNCTION birthgate.registry_guard_plan(p_schema text, p_table text) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_name text := format('%I.%I', p_schema, p_table);
  v_each text;
BEGIN
  RETURN NEXT format($sql$
    CREATE OR REPLACE TRIGGER zz_birthgate_birth_insert AFTER INSERT ON %s
    FOR EACH ROW WHEN (current_user <> 'birthgate_owner'::name
      AND (NEW.status <> 'born' OR NEW.origin <> 'legacy' OR NEW.permit_id IS NOT NULL
           OR NEW.retire_permit_id IS NOT NULL OR NEW.finalized_at IS NOT NULL))
    EXECUTE FUNCTION birthgate.birth_guard()$sql$, v_name);
  -- Column by column: two rows compared come out of a dump in another form, and a restored gate would not be the same.
  RETURN NEXT format($sql$
    CREATE OR REPLACE TRIGGER zz_birthgate_birth_update AFTER UPDATE ON %s
    FOR EACH ROW WHEN (current_user <> 'birthgate_owner'::name
      AND (OLD.entity_code IS DISTINCT FROM NEW.entity_code OR OLD.collection_name IS DISTINCT FROM NEW.collection_name
           OR OLD.status IS DISTINCT FROM NEW.status OR OLD.origin IS DISTINCT FROM NEW.origin
           OR OLD.permit_id IS DISTINCT FROM NEW.permit_id OR OLD.retire_permit_id IS DISTINCT FROM NEW.retire_permit_id
           OR OLD.born_xid IS DISTINCT FROM NEW.born_xid OR OLD.incarnation IS DISTINCT FROM NEW.incarnation))
    EXECUTE FUNCTION birthgate.birth_guard()$sql$, v_name);
  RETURN NEXT format($sql$
    CREATE OR REPLACE TRIGGER zz_birthgate_birth_delete AFTER DELETE ON %s
    FOR EACH ROW WHEN (current_user <> 'birthgate_owner'::name)
    EXECUTE FUNCTION birthgate.birth_guard()$sql$, v_name);
  -- Partitions have the row triggers of their table, and can be truncated without it.
  FOR v_each IN
    SELECT v_name UNION ALL SELECT inhrelid::regclass::text FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass(v_name)
  LOOP
    RETURN NEXT format($sql$
      CREATE OR REPLACE TRIGGER zz_birthgate_birth_truncate BEFORE TRUNCATE ON %s
      FOR EACH STATEMENT EXECUTE FUNCTION birthgate.birth_guard()$sql$, v_each);
    RETURN NEXT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER zz_birthgate_birth_truncate', v_each);
  END LOOP;
  RETURN NEXT format('DROP TRIGGER IF EXISTS zz_birthgate_birth_bound ON %s', v_name);
  RETURN NEXT format($sql$
    CREATE CONSTRAINT TRIGGER zz_birthgate_birth_bound AFTER INSERT ON %s
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.permit_id IS NULL AND NEW.origin = 'legacy')
    EXECUTE FUNCTION birthgate.birth_must_be_bound()$sql$, v_name);
  RETURN NEXT format($sql$
    ALTER TABLE %s
      ENABLE ALWAYS TRIGGER zz_birthgate_birth_insert,
      ENABLE ALWAYS TRIGGER zz_birthgate_birth_update,
      ENABLE ALWAYS TRIGGER zz_birthgate_birth_delete,
      ENABLE ALWAYS TRIGGER zz_birthgate_birth_bound$sql$, v_name);
END
$$;

-- Our own registry is guarded as soon as it is there.
DO $$
DECLARE
  v_statement text;
BEGIN
  IF (SELECT registry_table IS NULL FROM birthgate.instance) THEN
    FOR v_statement IN SELECT birthgate.registry_guard_plan('birthgate', 'birth_registry') LOOP
      EXECUTE v_statement;
    END LOOP;
  END IF;
END
$$;
