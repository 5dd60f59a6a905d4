-- Governing a table: what must hold of it, and the statements that set and take away the gate. The
-- plan is SQL, so that it can be shown, run in one transaction, and one day be a packet's step.

-- Whether the application itself can weaken the gate: its login is, or may become, one that owns the table or a partition of it,
-- that owns the schema (it may drop the table, and make another), or that may replace the table's triggers.
CREATE OR REPLACE FUNCTION birthgate.trust(p_table regclass) RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
  WITH login AS (
    SELECT r.rolname, min(w.place) AS place
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_roles r ON r.rolcanlogin AND NOT r.rolsuper
     CROSS JOIN LATERAL (
        SELECT CASE WHEN pg_has_role(r.oid, c.relowner, 'MEMBER') THEN 1
                    WHEN pg_has_role(r.oid, n.nspowner, 'MEMBER') THEN 2
                    WHEN EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.privilege_type = 'TRIGGER'
                                    AND (a.grantee = 0 OR pg_has_role(r.oid, a.grantee, 'MEMBER'))) THEN 3 END AS place) AS w
     WHERE c.oid = p_table OR c.oid IN (SELECT relid FROM pg_partition_tree(p_table))
     GROUP BY r.rolname)
  SELECT coalesce('detect-only: ' || string_agg(w.said, '; ' ORDER BY w.place), 'enforced')
    FROM (SELECT place, string_agg(rolname, ', ' ORDER BY rolname) || (ARRAY[' owns the table', ' owns its schema', ' may set its triggers'])[place] AS said
            FROM login WHERE place IS NOT NULL GROUP BY place) AS w
$$;

-- What is missing of the collection's gate: a trigger that is gone, or does not fire for everybody; a table that cannot be read
-- without running its owner's code, so that no birth can be finalised. NULL when nothing is.
CREATE OR REPLACE FUNCTION birthgate.gate_problem(p_collection text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT nullif(concat_ws(', ', (SELECT string_agg(format('%s of %s %s', w.name, coalesce(w.table_name::text, 'a table that is not there'),
                           CASE WHEN t.oid IS NULL THEN 'is gone' WHEN t.tgenabled = 'A' THEN 'would stop the apply of a copy'
                                ELSE 'does not fire always' END), ', ')
         || format('; run: birthgate %s', CASE WHEN birthgate.is_copy() THEN 'init --replication copy'
                                               ELSE format('collection rearm %s', p_collection) END)
    FROM birthgate.collection c
   CROSS JOIN LATERAL (
      SELECT name, to_regclass(format('%I.%I', c.table_schema, c.table_name)) AS table_name
        FROM unnest(ARRAY['zz_birthgate_gate', 'zz_birthgate_guard_delete', 'zz_birthgate_guard_key', 'zz_birthgate_guard_truncate']) AS name
       UNION ALL
      SELECT name, leaf.relid
        FROM pg_partition_tree(to_regclass(format('%I.%I', c.table_schema, c.table_name))) AS leaf,
             unnest(ARRAY['zz_birthgate_gate', 'zz_birthgate_guard_delete', 'zz_birthgate_guard_key', 'zz_birthgate_guard_truncate']) AS name
       WHERE leaf.level > 0 AND (leaf.isleaf OR name = 'zz_birthgate_guard_truncate')
       UNION ALL
      SELECT name, birthgate.registry_table()
        FROM unnest(ARRAY['zz_birthgate_birth_insert', 'zz_birthgate_birth_update', 'zz_birthgate_birth_delete',
                          'zz_birthgate_birth_truncate', 'zz_birthgate_birth_bound']) AS name
       UNION ALL
      SELECT name, part.relid
        FROM pg_partition_tree(birthgate.registry_table()) AS part,
             unnest(ARRAY['zz_birthgate_birth_insert', 'zz_birthgate_birth_update', 'zz_birthgate_birth_delete',
                          'zz_birthgate_birth_truncate', 'zz_birthgate_birth_bound']) AS name
       WHERE part.level > 0
       UNION ALL
      SELECT name, 'birthgate.birth_admission_permit'::regclass
        FROM unnest(ARRAY['permit_guard_insert', 'permit_guard_update', 'permit_guard_identity', 'permit_guard_code',
                          'permit_guard_delete', 'permit_truncate_guard']) AS name
       UNION ALL
      SELECT 'finalize', 'birthgate.finalization'::regclass) AS w
    LEFT JOIN pg_catalog.pg_trigger t ON t.tgrelid = w.table_name AND t.tgname = w.name AND (NOT t.tgisinternal OR t.tgparentid <> 0)
   WHERE c.collection_name = p_collection AND c.mode IN ('observe', 'enforce') AND t.tgenabled IS DISTINCT FROM CASE WHEN birthgate.is_copy() THEN 'O' ELSE 'A' END),
    (SELECT format('no row can be looked for: %s', birthgate.replaceable(to_regclass(format('%I.%I', c.table_schema, c.table_name))))
       FROM birthgate.collection c
      WHERE c.collection_name = p_collection AND birthgate.replaceable(to_regclass(format('%I.%I', c.table_schema, c.table_name))) IS NOT NULL),
    (SELECT format('the registry %s is written as birthgate_owner, and %s; run: birthgate init', r.oid::regclass,
                   coalesce(birthgate.replaceable(r.oid, true), format('it belongs to %I', pg_get_userbyid(r.relowner))))
       FROM pg_catalog.pg_class r
      WHERE r.oid = birthgate.registry_table() AND (birthgate.is_lesser(r.relowner) OR birthgate.replaceable(r.oid, true) IS NOT NULL))), '')
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

-- The columns of a table that make a code, in their order: what each contributes as text (equal texts
-- exactly where the column's own operator says equal), and how a text becomes a value again.
CREATE OR REPLACE FUNCTION birthgate.key_columns(p_table regclass, p_columns text[])
RETURNS TABLE (place bigint, name text, attnum smallint, is_not_null boolean, type_name text, as_text text, equals text, problem text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH RECURSIVE base AS (
    SELECT k.place, k.name, a.attnum, a.attnotnull, a.attcollation, t.oid, t.typname, t.typtype, t.typbasetype, t.typnamespace, t.typowner
      FROM unnest(p_columns) WITH ORDINALITY AS k(name, place)
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p_table AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
     UNION ALL
    SELECT b.place, b.name, b.attnum, b.attnotnull, b.attcollation, t.oid, t.typname, t.typtype, t.typbasetype, t.typnamespace, t.typowner
      FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd'),
  typed AS (
    SELECT b.*, n.nspname,
           CASE WHEN n.nspname = 'pg_catalog' THEN b.typname
                -- Only the extension's own citext: another type of that name could bring operators of its own.
                WHEN b.typname = 'citext' AND EXISTS (
                  SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                   WHERE d.classid = 'pg_type'::regclass AND d.objid = b.oid AND d.deptype = 'e' AND e.extname = 'citext'
                     -- Whoever owns the extension can add a type of their own to it.
                     AND NOT birthgate.is_lesser(b.typowner) AND b.typtype = 'b')
                  THEN 'citext' END AS known
      FROM base b LEFT JOIN pg_catalog.pg_namespace n ON n.oid = b.typnamespace
     WHERE b.typtype IS DISTINCT FROM 'd')
  SELECT t.place, t.name, t.attnum, t.attnotnull, quote_ident(t.nspname) || '.' || quote_ident(t.typname),
         CASE t.known WHEN 'text' THEN format('n.%s', quote_ident(t.name))
                      WHEN 'numeric' THEN format('trim_scale(n.%s)::text', quote_ident(t.name))
                      WHEN 'citext' THEN format('lower(n.%s::text COLLATE "default")', quote_ident(t.name))
                      ELSE format('n.%s::text', quote_ident(t.name)) END,
         CASE t.known WHEN 'citext' THEN format('OPERATOR(%s.=)', quote_ident(t.nspname)) ELSE '=' END,
         CASE WHEN t.attnum IS NULL THEN format('it has no column %I', t.name)
              WHEN t.known IS NULL OR t.known NOT IN ('text', 'varchar', 'bpchar', 'citext', 'int2', 'int4', 'int8', 'numeric', 'uuid')
                THEN format('the type %I of the code column %I is none of text, varchar, char, citext, smallint, integer, bigint, numeric, uuid', t.typname, t.name)
              WHEN NOT coalesce(c.collisdeterministic, true) THEN format('the collation of the code column %I is nondeterministic', t.name) END
    FROM typed t LEFT JOIN pg_catalog.pg_collation c ON c.oid = t.attcollation
$$;

-- Why the table cannot be governed; NULL when it can.
CREATE OR REPLACE FUNCTION birthgate.govern_obstacle(
  p_table regclass, p_code_columns text[], p_mode text, p_bound_columns text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_class pg_catalog.pg_class;
  v_nullable text;
  v_attnums smallint[];
  v_unbindable text;
BEGIN
  SELECT * INTO v_class FROM pg_catalog.pg_class WHERE oid = p_table;
  SELECT array_agg(attnum ORDER BY attnum), min(name) FILTER (WHERE NOT is_not_null) INTO v_attnums, v_nullable
    FROM birthgate.key_columns(p_table, p_code_columns);
  SELECT min(b.name) INTO v_unbindable FROM unnest(p_bound_columns) AS b(name)
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                      WHERE a.attrelid = p_table AND a.attname = b.name AND a.attnum > 0 AND NOT a.attisdropped
                        AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'int2'::regtype, 'int4'::regtype,
                                           'int8'::regtype, 'numeric'::regtype, 'bool'::regtype, 'uuid'::regtype,
                                           'jsonb'::regtype, 'date'::regtype, 'timestamp'::regtype));
  RETURN CASE
    WHEN v_class.relkind = 'f' THEN 'it is a foreign table: its rows come to life on another server'
    WHEN v_class.relkind NOT IN ('r', 'p') THEN 'it is not an ordinary or partitioned table'
    WHEN v_class.relpersistence = 't' THEN 'it is a temporary table'
    WHEN v_class.relispartition THEN 'it is a partition: govern its root'
    WHEN v_class.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE p_table IN (inhrelid, inhparent))
      THEN 'it takes part in table inheritance, which no unique key spans'
    WHEN coalesce(cardinality(p_code_columns), 0) = 0 THEN 'no code column is named'
    WHEN EXISTS (SELECT FROM birthgate.key_columns(p_table, p_code_columns) WHERE problem IS NOT NULL)
      THEN (SELECT problem FROM birthgate.key_columns(p_table, p_code_columns) WHERE problem IS NOT NULL ORDER BY place LIMIT 1)
    WHEN v_unbindable IS NOT NULL
      THEN format('it has no column %I of a type whose text no setting changes, to bind permits to', v_unbindable)
    WHEN v_class.relrowsecurity AND NOT (SELECT rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = 'birthgate_reader')
      THEN 'it has row level security, and birthgate_reader cannot bypass it (ALTER ROLE birthgate_reader BYPASSRLS)'
    WHEN birthgate.replaceable(p_table) IS NOT NULL
      THEN format('%s; reading the table would run that code', birthgate.replaceable(p_table))
    WHEN p_mode = 'listed' THEN NULL
    WHEN v_nullable IS NOT NULL THEN format('the code column %I can be NULL', v_nullable)
    WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_index i
                      WHERE i.indrelid = p_table AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
                        AND ARRAY(SELECT k FROM unnest(i.indkey) WITH ORDINALITY AS u(k, place)
                                   WHERE place <= i.indnkeyatts ORDER BY k) = v_attnums)
      THEN format('there is no valid unique key (non-partial, not deferrable) of exactly (%s)', array_to_string(p_code_columns, ', '))
  END;
END
$$;

-- Stores the collection. Only who can act as birthgate_owner may call it.
CREATE OR REPLACE FUNCTION birthgate.collection_put(p_collection birthgate.collection) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
  INSERT INTO birthgate.collection SELECT p_collection.*
  ON CONFLICT (collection_name) DO UPDATE SET
    table_schema = EXCLUDED.table_schema, table_name = EXCLUDED.table_name, code_columns = EXCLUDED.code_columns,
    code_types = EXCLUDED.code_types, code_expression = EXCLUDED.code_expression, match_expression = EXCLUDED.match_expression,
    bound_columns = EXCLUDED.bound_columns, bound_expression = EXCLUDED.bound_expression, mode = EXCLUDED.mode,
    form = EXCLUDED.form, finalize = EXCLUDED.finalize, open_permits = EXCLUDED.open_permits, critical = EXCLUDED.critical,
    permit_ttl = EXCLUDED.permit_ttl, replaced_triggers = EXCLUDED.replaced_triggers, reader_grants = EXCLUDED.reader_grants;
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

-- Takes that back, and cancels what was requested on it and is not spent; what an open transaction requested or is spending
-- stays. Answers how many.
CREATE OR REPLACE FUNCTION birthgate.admission_grant_drop(p_role text, p_collection text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_cancelled bigint;
BEGIN
  DELETE FROM birthgate.admission_grant WHERE role_name = p_role AND collection_name = p_collection;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016', MESSAGE = format('%I has no grant for the collection %L', p_role, p_collection),
      HINT = 'Grants are the rows of birthgate.admission_grant; a role''s members request permits on its grant.';
  END IF;
  UPDATE birthgate.birth_admission_permit
     SET state = 'CANCELLED', ended_at = clock_timestamp(), ended_why = format('the grant of %s was revoked', p_role)
   WHERE id IN (
     SELECT p.id FROM birthgate.birth_admission_permit p
      WHERE p.collection_name = p_collection AND p.active AND p.state IN ('REQUESTED', 'RESERVED')
        -- A login that is gone acts as nobody.
        AND NOT EXISTS (
          SELECT FROM birthgate.admission_grant g JOIN pg_catalog.pg_roles r ON r.rolname = p.requester
           WHERE g.collection_name = p_collection AND birthgate.acts_as(r.rolname, g.role_name))
      FOR NO KEY UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_cancelled = ROW_COUNT;
  RETURN v_cancelled;
END
$$;

-- The statements that govern a table, in order, for one transaction.
CREATE OR REPLACE FUNCTION birthgate.govern_plan(
  p_collection text, p_table regclass, p_code_columns text[], p_mode text, p_form text DEFAULT NULL,
  p_finalize text DEFAULT 'required', p_critical boolean DEFAULT false, p_rule text DEFAULT NULL,
  p_replaces text[] DEFAULT '{}', p_open_permits boolean DEFAULT false, p_bound_columns text[] DEFAULT '{}',
  p_again boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_obstacle text := birthgate.govern_obstacle(p_table, p_code_columns, p_mode, p_bound_columns);
  v_name record;
  v_key record;
  v_known birthgate.collection;
  v_collection birthgate.collection;
  v_replaced jsonb := '[]';
  v_grants jsonb := '[]';
  v_fan_in boolean := (SELECT fan_in FROM birthgate.instance);
BEGIN
  SELECT * INTO v_known FROM birthgate.collection WHERE collection_name = p_collection;
  IF v_known.mode <> 'listed' AND NOT p_again THEN
    v_obstacle := 'the collection is governed already (birthgate collection ungovern first)';
  END IF;
  IF v_obstacle IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s cannot be governed: %s', p_table, v_obstacle),
      HINT = 'Change the table, or choose another code column.';
  END IF;
  SELECT n.nspname, c.relname, c.relkind INTO v_name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_table;
  SELECT array_agg(type_name ORDER BY place) AS types,
         string_agg(as_text, ', ' ORDER BY place) AS texts,
         string_agg(format('t.%I', name), ', ' ORDER BY place) AS columns,
         string_agg(format('(k.code ->> %s)::%s', place - 1, type_name), ', ' ORDER BY place) AS parts,
         min(equals) AS equals, bool_or(equals <> '=') AS has_operators,
         string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', name), ' OR ' ORDER BY place) AS changed
    INTO v_key FROM birthgate.key_columns(p_table, p_code_columns);
  IF cardinality(p_code_columns) > 1 AND v_key.has_operators THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s cannot be governed: a citext column cannot be one of several that make the code', p_table),
      HINT = 'Choose other code columns.';
  END IF;

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
    v_grants := v_grants || to_jsonb(replace(format('USAGE ON SCHEMA %I', v_name.nspname), '%', '%%'));
  END IF;
  v_grants := v_grants || coalesce(
    (SELECT jsonb_agg(format('SELECT (%s) ON %%s', replace(quote_ident(c), '%', '%%')))
       FROM unnest(p_code_columns) AS c WHERE NOT has_column_privilege('birthgate_reader', p_table, c, 'SELECT')), '[]');
  RETURN QUERY SELECT format('GRANT ' || g || ' TO birthgate_reader', format('%I.%I', v_name.nspname, v_name.relname)) FROM jsonb_array_elements_text(v_grants) AS g;

  v_collection := v_known;
  v_collection.collection_name := p_collection;
  v_collection.table_schema := v_name.nspname;
  v_collection.table_name := v_name.relname;
  v_collection.code_columns := p_code_columns;
  v_collection.code_types := v_key.types;
  IF cardinality(p_code_columns) = 1 THEN
    v_collection.code_expression := v_key.texts;
    v_collection.match_expression := format('%s %s ANY ($1::%s[])', v_key.columns, v_key.equals,
                                            CASE v_key.types[1] WHEN 'pg_catalog."varchar"' THEN 'text' ELSE v_key.types[1] END);
  ELSE
    v_collection.code_expression := format('jsonb_build_array(%s)::text', v_key.texts);
    v_collection.match_expression := format('(%s) IN (SELECT %s FROM (SELECT c::jsonb AS code FROM unnest($1) AS c OFFSET 0) AS k)',
                                            v_key.columns, v_key.parts);
  END IF;
  v_collection.open_permits := p_open_permits;
  v_collection.bound_columns := p_bound_columns;
  v_collection.bound_expression := (SELECT format('sha256(convert_to(jsonb_build_array(%s)::text, ''UTF8''))', string_agg(format('n.%I', c), ', '))
                                      FROM unnest(p_bound_columns) AS c HAVING count(*) > 0);
  v_collection.mode := p_mode;
  v_collection.form := CASE WHEN p_mode = 'listed' THEN NULL
                            ELSE coalesce(p_form, CASE WHEN v_name.relkind = 'p' OR v_fan_in THEN 'row' ELSE 'statement' END) END;
  v_collection.finalize := p_finalize;
  v_collection.critical := p_critical OR coalesce(v_known.critical, false);
  v_collection.permit_ttl := coalesce(v_known.permit_ttl, '15 minutes');
  v_collection.replaced_triggers := CASE WHEN p_again THEN v_known.replaced_triggers ELSE v_replaced END;
  v_collection.reader_grants := v_grants || coalesce(v_known.reader_grants, '[]');
  IF v_collection.form = 'statement' AND v_fan_in THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s is written by subscriptions, and a statement trigger does not fire for their apply', p_table),
      HINT = 'Use the row form.';
  ELSIF v_collection.form = 'statement' AND v_name.relkind = 'p' THEN
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
  RETURN NEXT format('CREATE TRIGGER zz_birthgate_guard_key AFTER UPDATE ON %I.%I FOR EACH ROW WHEN (%4$s) EXECUTE FUNCTION birthgate.guard_key(%3$L)', v_name.nspname, v_name.relname, p_collection, v_key.changed);
  RETURN NEXT format('CREATE TRIGGER zz_birthgate_guard_truncate BEFORE TRUNCATE ON %I.%I FOR EACH STATEMENT EXECUTE FUNCTION birthgate.guard_truncate(%L)', v_name.nspname, v_name.relname, p_collection);
  -- A statement trigger of the root does not fire when a partition is truncated by itself.
  RETURN QUERY
    SELECT format(statement, r.oid::regclass, p_collection)
      FROM (SELECT relid AS oid FROM pg_partition_tree(p_table) WHERE relid <> p_table) AS r,
           unnest(ARRAY['CREATE TRIGGER zz_birthgate_guard_truncate BEFORE TRUNCATE ON %1$s FOR EACH STATEMENT EXECUTE FUNCTION birthgate.guard_truncate(%2$L)',
                        'ALTER TABLE %1$s ENABLE ALWAYS TRIGGER zz_birthgate_guard_truncate']) WITH ORDINALITY AS s(statement, place)
     ORDER BY r.oid, place;
  RETURN NEXT format('ALTER TABLE %I.%I ENABLE ALWAYS TRIGGER zz_birthgate_gate, ENABLE ALWAYS TRIGGER zz_birthgate_guard_delete, ENABLE ALWAYS TRIGGER zz_birthgate_guard_key, ENABLE ALWAYS TRIGGER zz_birthgate_guard_truncate', v_name.nspname, v_name.relname);
END
$$;

-- The statements that take our triggers off a table and its partitions.
CREATE OR REPLACE FUNCTION birthgate.disarm_plan(p_table regclass) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
    FROM pg_catalog.pg_trigger
   WHERE tgname LIKE 'zz\_birthgate\_g%' AND NOT tgisinternal AND tgparentid = 0
     AND tgrelid IN (SELECT p_table UNION SELECT relid FROM pg_partition_tree(p_table))
   ORDER BY tgrelid, tgname
$$;

-- The table on which the collection's gate stands now, whatever its name; NULL when there is none, or two.
CREATE OR REPLACE FUNCTION birthgate.gated_table(p_collection text) RETURNS regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE count(*) WHEN 1 THEN min(tgrelid) END::regclass
    FROM pg_catalog.pg_trigger
   WHERE tgname = 'zz_birthgate_gate' AND NOT tgisinternal AND tgparentid = 0
     AND tgargs = convert_to(p_collection, current_setting('server_encoding')) || '\x00'
$$;

-- The statements that set the gate of a collection again: on its table under a new name or in another
-- schema, on partitions that came later, after a restore that left triggers disabled or gone. The
-- incarnation is renewed, so that no transaction id from before is taken for one of now.
CREATE OR REPLACE FUNCTION birthgate.rearm_plan(p_collection text, p_table regclass DEFAULT NULL, p_mode text DEFAULT NULL)
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_table regclass := coalesce(p_table, birthgate.gated_table(p_collection),
                               to_regclass(format('%I.%I', v_collection.table_schema, v_collection.table_name)));
  v_incarnation bigint := ('x' || left(md5(gen_random_uuid()::text), 15))::bit(60)::bigint;
BEGIN
  IF v_table IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB019', MESSAGE = format('the table of the collection %L is not found', p_collection),
      DETAIL = format('Its name was %I.%I, and no table carries its gate.', v_collection.table_schema, v_collection.table_name),
      HINT = format('Name it: birthgate collection rearm %s --table SCHEMA.TABLE', p_collection);
  ELSIF v_collection.form IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018', MESSAGE = format('the collection %L has no gate to set again', p_collection),
      HINT = 'birthgate collection govern sets the gate.';
  END IF;
  RETURN QUERY SELECT birthgate.disarm_plan(v_table);
  RETURN QUERY SELECT birthgate.govern_plan(p_collection, v_table, v_collection.code_columns, coalesce(p_mode, v_collection.mode),
    CASE WHEN (SELECT fan_in FROM birthgate.instance) THEN 'row' ELSE v_collection.form END, v_collection.finalize, v_collection.critical, NULL, '{}', v_collection.open_permits,
    v_collection.bound_columns, true);
  RETURN QUERY SELECT birthgate.registry_guard_plan(n.nspname, c.relname)
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.oid = birthgate.registry_table();
  RETURN QUERY SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname)
                 FROM pg_catalog.pg_trigger
                WHERE tgrelid IN (SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = 'birthgate'::regnamespace)
                  AND NOT tgisinternal AND tgparentid = 0 AND tgenabled <> 'A';
  RETURN NEXT format('ALTER TABLE %s ALTER incarnation SET DEFAULT %s', birthgate.registry_table(), v_incarnation);
  RETURN NEXT format('SELECT birthgate.incarnation_set(%s)', v_incarnation);
END
$$;

CREATE OR REPLACE FUNCTION birthgate.incarnation_set(p_incarnation bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$ UPDATE birthgate.instance SET incarnation = p_incarnation $$;

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
  RETURN QUERY SELECT birthgate.disarm_plan(to_regclass(v_table));
  FOR v_old IN SELECT * FROM jsonb_array_elements(v_collection.replaced_triggers) LOOP
    RETURN NEXT v_old ->> 'definition';
    IF v_old ->> 'enabled' <> 'O' THEN
      RETURN NEXT format('ALTER TABLE %s %s TRIGGER %I', v_table,
                         CASE v_old ->> 'enabled' WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END,
                         v_old ->> 'name');
    END IF;
  END LOOP;
  -- Another collection of the schema needs the schema's grant as well.
  RETURN QUERY SELECT format('REVOKE ' || g || ' FROM birthgate_reader', v_table)
                 FROM jsonb_array_elements_text(v_collection.reader_grants) AS g
                WHERE g NOT LIKE 'USAGE ON SCHEMA%'
                   OR NOT EXISTS (SELECT FROM birthgate.collection o
                                   WHERE o.table_schema = v_collection.table_schema AND o.collection_name <> p_collection);
  RETURN NEXT format('SELECT birthgate.collection_remove(%L)', p_collection);
END
$$;
