-- Governing a table: what must hold of it, and the statements that set and take away the gate. The
-- plan is SQL, so that it can be shown, run in one transaction, and one day be a packet's step.

-- Whether the application itself can weaken the gate: its login owns the table, or is a member of its owner.
CREATE OR REPLACE FUNCTION birthgate.trust(p_table regclass) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce('detect-only: ' || string_agg(r.rolname, ', ' ORDER BY r.rolname) || ' owns the table', 'enforced')
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_roles r ON r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, c.relowner, 'MEMBER')
   WHERE c.oid = p_table
$$;

-- The triggers of a table, as they must be again after `ungovern`: one text, equal when they are equal.
CREATE OR REPLACE FUNCTION birthgate.trigger_fingerprint(p_table regclass) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT encode(sha256(convert_to(coalesce(string_agg(pg_get_triggerdef(oid) || ' ' || tgenabled::text, E'\n'
                                                      ORDER BY tgname COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM pg_catalog.pg_trigger WHERE tgrelid = p_table AND NOT tgisinternal
$$;

-- Why the table cannot be governed; NULL when it can.
CREATE OR REPLACE FUNCTION birthgate.govern_obstacle(p_table regclass, p_code_column text, p_mode text) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_class pg_catalog.pg_class;
  v_column record;
BEGIN
  SELECT * INTO v_class FROM pg_catalog.pg_class WHERE oid = p_table;
  SELECT a.attnum, a.attnotnull, t.typname, t.typtype, n.nspname, coalesce(k.collisdeterministic, true) AS deterministic
    INTO v_column
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_collation k ON k.oid = a.attcollation
   WHERE a.attrelid = p_table AND a.attname = p_code_column AND a.attnum > 0 AND NOT a.attisdropped;
  RETURN CASE
    WHEN v_class.relkind NOT IN ('r', 'p') THEN 'it is not an ordinary or partitioned table'
    WHEN v_class.relpersistence = 't' THEN 'it is a temporary table'
    WHEN v_class.relispartition THEN 'it is a partition: govern its root'
    WHEN v_class.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE p_table IN (inhrelid, inhparent))
      THEN 'it takes part in table inheritance, which no unique key spans'
    WHEN v_column.attnum IS NULL THEN format('it has no column %I', p_code_column)
    WHEN v_column.typname NOT IN ('text', 'varchar', 'int2', 'int4', 'int8', 'uuid') OR v_column.nspname <> 'pg_catalog'
      THEN format('the type %s of the code column is none of text, varchar, smallint, integer, bigint, uuid', v_column.typname)
    WHEN NOT v_column.deterministic THEN 'the code column''s collation is nondeterministic'
    WHEN v_class.relrowsecurity AND NOT (SELECT rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = 'birthgate_reader')
      THEN 'it has row level security, and birthgate_reader cannot bypass it (ALTER ROLE birthgate_reader BYPASSRLS)'
    WHEN p_mode = 'listed' THEN NULL
    WHEN NOT v_column.attnotnull THEN 'the code column can be NULL'
    WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_index
                      WHERE indrelid = p_table AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL
                        AND indnkeyatts = 1 AND indkey[0] = v_column.attnum)
      THEN 'the code column has no valid unique key (non-partial, not deferrable, of this column alone)'
  END;
END
$$;

-- Stores the collection. Only who can act as birthgate_owner may call it.
CREATE OR REPLACE FUNCTION birthgate.collection_put(p_collection birthgate.collection) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  DELETE FROM birthgate.collection WHERE collection_name = p_collection.collection_name AND mode = 'listed';
  INSERT INTO birthgate.collection SELECT p_collection.*;
$$;

CREATE OR REPLACE FUNCTION birthgate.collection_remove(p_collection text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  DELETE FROM birthgate.collection WHERE collection_name = p_collection
$$;

CREATE OR REPLACE FUNCTION birthgate.collection_set_mode(p_collection text, p_mode text, p_finalize text DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  UPDATE birthgate.collection SET mode = p_mode, finalize = coalesce(p_finalize, finalize)
   WHERE collection_name = p_collection
$$;

-- Sets the code rule of a collection; NULL takes it away.
CREATE OR REPLACE FUNCTION birthgate.code_rule_set(p_collection text, p_pattern text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  PERFORM '' ~ p_pattern;  -- an invalid pattern is refused now, not at somebody's request
  DELETE FROM birthgate.code_rule WHERE collection_name = p_collection;
  IF p_pattern IS NOT NULL THEN
    INSERT INTO birthgate.code_rule (collection_name, pattern) VALUES (p_collection, p_pattern);
  END IF;
END
$$;

-- Lets a role request permits in a collection, and makes it an admitter.
CREATE OR REPLACE FUNCTION birthgate.admission_grant_set(p_role text, p_collection text, p_quota bigint DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM birthgate.collection WHERE collection_name = p_collection) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018', MESSAGE = format('there is no collection %L', p_collection),
      HINT = 'birthgate collection list shows the collections.';
  ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = p_role) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('there is no role %L', p_role),
      HINT = 'Create the role first.';
  END IF;
  INSERT INTO birthgate.admission_grant (role_name, collection_name, quota) VALUES (p_role, p_collection, p_quota)
  ON CONFLICT (role_name, collection_name)
  DO UPDATE SET quota = EXCLUDED.quota, granted_at = clock_timestamp(), granted_by = session_user;
  IF NOT pg_has_role(p_role, 'birthgate_admitter', 'USAGE') THEN
    EXECUTE format('GRANT birthgate_admitter TO %I', p_role);
  END IF;
END
$$;

-- The statements that govern a table, in order, for one transaction.
CREATE OR REPLACE FUNCTION birthgate.govern_plan(
  p_collection text, p_table regclass, p_code_column text, p_mode text, p_form text DEFAULT NULL,
  p_finalize text DEFAULT 'required', p_critical boolean DEFAULT false, p_rule text DEFAULT NULL,
  p_replaces text[] DEFAULT '{}')
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_obstacle text := birthgate.govern_obstacle(p_table, p_code_column, p_mode);
  v_name record;
  v_known birthgate.collection;
  v_collection birthgate.collection;
  v_replaced jsonb := '[]';
  v_grants jsonb := '[]';
BEGIN
  SELECT * INTO v_known FROM birthgate.collection WHERE collection_name = p_collection;
  IF v_known.mode <> 'listed' THEN
    v_obstacle := 'the collection is governed already (birthgate collection ungovern first)';
  END IF;
  IF v_obstacle IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s cannot be governed: %s', p_table, v_obstacle),
      HINT = 'Change the table, or choose another code column.';
  END IF;
  SELECT n.nspname, c.relname, c.relkind, t.typname INTO v_name
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = p_code_column
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
   WHERE c.oid = p_table;

  IF EXISTS (SELECT FROM unnest(p_replaces) AS name
              WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = p_table AND tgname = name)) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s has no trigger %s', p_table, array_to_string(p_replaces, ', ')),
      HINT = 'Name triggers of this very table to be replaced, or none.';
  END IF;
  SELECT coalesce(jsonb_agg(jsonb_build_object('name', tgname, 'definition', pg_get_triggerdef(oid), 'enabled', tgenabled)), '[]')
    INTO v_replaced FROM pg_catalog.pg_trigger WHERE tgrelid = p_table AND tgname = ANY (p_replaces);

  -- What birthgate_reader must see, and cannot see yet.
  IF NOT has_schema_privilege('birthgate_reader', v_name.nspname, 'USAGE') THEN
    v_grants := v_grants || to_jsonb(format('USAGE ON SCHEMA %I', v_name.nspname));
  END IF;
  IF NOT has_column_privilege('birthgate_reader', p_table, p_code_column, 'SELECT') THEN
    v_grants := v_grants || to_jsonb(format('SELECT (%I) ON %s', p_code_column, format('%I.%I', v_name.nspname, v_name.relname)));
  END IF;
  RETURN QUERY SELECT format('GRANT %s TO birthgate_reader', g) FROM jsonb_array_elements_text(v_grants) AS g;

  v_collection := v_known;
  v_collection.collection_name := p_collection;
  v_collection.table_schema := v_name.nspname;
  v_collection.table_name := v_name.relname;
  v_collection.code_column := p_code_column;
  v_collection.code_expression := CASE WHEN v_name.typname IN ('text', 'varchar') THEN format('n.%I', p_code_column)
                                       ELSE format('n.%I::text', p_code_column) END;
  v_collection.match_expression := format('t.%I = ANY ($1::%s[])', p_code_column,
                                          CASE v_name.typname WHEN 'varchar' THEN 'text' ELSE v_name.typname END);
  v_collection.mode := p_mode;
  v_collection.form := CASE WHEN p_mode = 'listed' THEN NULL
                            ELSE coalesce(p_form, CASE v_name.relkind WHEN 'p' THEN 'row' ELSE 'statement' END) END;
  v_collection.finalize := p_finalize;
  v_collection.critical := p_critical OR coalesce(v_known.critical, false);
  v_collection.permit_ttl := coalesce(v_known.permit_ttl, '15 minutes');
  v_collection.replaced_triggers := v_replaced;
  v_collection.reader_grants := v_grants || coalesce(v_known.reader_grants, '[]');
  IF v_collection.form = 'statement' AND v_name.relkind = 'p' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s is partitioned, and a statement trigger does not fire for a partition written directly', p_table),
      HINT = 'Use the row form.';
  END IF;
  RETURN NEXT format('SELECT birthgate.collection_put(%L::birthgate.collection)', v_collection);
  IF p_rule IS NOT NULL THEN
    RETURN NEXT format('SELECT birthgate.code_rule_set(%L, %L)', p_collection, p_rule);
  END IF;
  IF p_mode = 'listed' THEN
    RETURN;
  END IF;

  RETURN QUERY SELECT format('DROP TRIGGER %I ON %I.%I', name, v_name.nspname, v_name.relname) FROM unnest(p_replaces) AS name;
  -- The names sort last, so that a legacy trigger has written its birth before ours looks.
  RETURN NEXT CASE v_collection.form
    WHEN 'statement' THEN format('CREATE TRIGGER zz_birthgate_gate AFTER INSERT ON %I.%I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION birthgate.gate_statement(%L)', v_name.nspname, v_name.relname, p_collection)
    ELSE format('CREATE TRIGGER zz_birthgate_gate AFTER INSERT ON %I.%I FOR EACH ROW EXECUTE FUNCTION birthgate.gate_row(%L)', v_name.nspname, v_name.relname, p_collection) END;
  RETURN NEXT format('CREATE TRIGGER zz_birthgate_guard_delete AFTER DELETE ON %I.%I FOR EACH ROW EXECUTE FUNCTION birthgate.guard_delete(%L)', v_name.nspname, v_name.relname, p_collection);
  RETURN NEXT format('CREATE TRIGGER zz_birthgate_guard_key AFTER UPDATE ON %I.%I FOR EACH ROW WHEN (OLD.%4$I IS DISTINCT FROM NEW.%4$I) EXECUTE FUNCTION birthgate.guard_key(%3$L)', v_name.nspname, v_name.relname, p_collection, p_code_column);
  RETURN NEXT format('CREATE TRIGGER zz_birthgate_guard_truncate BEFORE TRUNCATE ON %I.%I FOR EACH STATEMENT EXECUTE FUNCTION birthgate.guard_truncate(%L)', v_name.nspname, v_name.relname, p_collection);
  RETURN NEXT format('ALTER TABLE %I.%I ENABLE ALWAYS TRIGGER zz_birthgate_gate, ENABLE ALWAYS TRIGGER zz_birthgate_guard_delete, ENABLE ALWAYS TRIGGER zz_birthgate_guard_key, ENABLE ALWAYS TRIGGER zz_birthgate_guard_truncate', v_name.nspname, v_name.relname);
END
$$;

-- The statements that give a table back as it was.
CREATE OR REPLACE FUNCTION birthgate.ungovern_plan(p_collection text) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection;
  v_table text;
  v_old jsonb;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018', MESSAGE = format('there is no collection %L', p_collection),
      HINT = 'birthgate collection list shows the collections.';
  END IF;
  v_table := format('%I.%I', v_collection.table_schema, v_collection.table_name);
  RETURN QUERY SELECT format('DROP TRIGGER %I ON %s', tgname, v_table)
                 FROM pg_catalog.pg_trigger WHERE tgrelid = to_regclass(v_table) AND tgname LIKE 'zz\_birthgate\_g%' AND NOT tgisinternal
                ORDER BY tgname;
  FOR v_old IN SELECT * FROM jsonb_array_elements(v_collection.replaced_triggers) LOOP
    RETURN NEXT v_old ->> 'definition';
    IF v_old ->> 'enabled' <> 'O' THEN
      RETURN NEXT format('ALTER TABLE %s %s TRIGGER %I', v_table,
                         CASE v_old ->> 'enabled' WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END,
                         v_old ->> 'name');
    END IF;
  END LOOP;
  -- Another collection of the schema needs the schema's grant as well.
  RETURN QUERY SELECT format('REVOKE %s FROM birthgate_reader', g)
                 FROM jsonb_array_elements_text(v_collection.reader_grants) AS g
                WHERE g NOT LIKE 'USAGE ON SCHEMA%'
                   OR NOT EXISTS (SELECT FROM birthgate.collection o
                                   WHERE o.table_schema = v_collection.table_schema AND o.collection_name <> p_collection);
  RETURN NEXT format('SELECT birthgate.collection_remove(%L)', p_collection);
END
$$;
