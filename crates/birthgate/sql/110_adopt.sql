-- Adopting a registry and its changelog that are there already: they stay where they are, gain the
-- missing columns, and birthgate.birth_registry becomes an auto-updatable view over them. Statements
-- that are not transactional build indexes without stopping writers.

-- Refuses a table that Birthgate's own functions would write as birthgate_owner, and on which code hangs that somebody else can
-- replace. Its owner may be anybody: it becomes birthgate_owner.
CREATE OR REPLACE FUNCTION birthgate.check_adoptable(p_table regclass) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_problem text := birthgate.replaceable(p_table, true);
BEGIN
  IF v_problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s cannot be adopted: %s', p_table, v_problem),
      DETAIL = 'Births are written into it as birthgate_owner, and that would run.',
      HINT = 'Give the function or type to a superuser''s role, revoke the privilege, or take it off the table; then adopt again.';
  END IF;
END
$$;

-- The statements that make birthgate_owner the owner of a table, and let its owner go on to write it. None for a superuser's table.
CREATE OR REPLACE FUNCTION birthgate.take_over_plan(p_table regclass) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_table record;
  v_makes_do boolean;
BEGIN
  SELECT n.nspname, format('%I.%I', n.nspname, c.relname) AS name, c.relowner, pg_get_userbyid(c.relowner) AS owner INTO v_table
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_table;
  IF NOT birthgate.is_lesser(v_table.relowner) THEN
    RETURN;
  END IF;
  -- Becoming an owner takes CREATE on the schema, but for a superuser's say-so.
  v_makes_do := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) OR has_schema_privilege('birthgate_owner', v_table.nspname, 'CREATE');
  IF NOT v_makes_do THEN
    RETURN NEXT format('GRANT CREATE ON SCHEMA %I TO birthgate_owner', v_table.nspname);
  END IF;
  RETURN NEXT format('ALTER TABLE %s OWNER TO birthgate_owner', v_table.name);
  IF NOT v_makes_do THEN
    RETURN NEXT format('REVOKE CREATE ON SCHEMA %I FROM birthgate_owner', v_table.nspname);
  END IF;
  RETURN NEXT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', v_table.name, v_table.owner);
  RETURN QUERY SELECT format('GRANT USAGE ON SEQUENCE %s TO %I', d.objid::regclass, v_table.owner)
                 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p_table AND d.deptype IN ('a', 'i');
END
$$;

-- The statements that give it back.
CREATE OR REPLACE FUNCTION birthgate.give_back_plan(p_table regclass, p_owner text) RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT format(statement, p_table, p_owner)
    FROM unnest(ARRAY['REVOKE SELECT, INSERT, UPDATE, DELETE ON %s FROM %I', 'ALTER TABLE %s OWNER TO %I']) WITH ORDINALITY AS s(statement, place)
   WHERE p_owner IS NOT NULL ORDER BY place
$$;

CREATE OR REPLACE FUNCTION birthgate.adopt_registry_plan(p_registry regclass, p_changelog regclass DEFAULT NULL)
RETURNS TABLE (statement text, transactional boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_registry record;
  v_changelog record;
  v_missing text;
  v_name text;
BEGIN
  PERFORM birthgate.check_adoptable(t) FROM unnest(ARRAY[p_registry, p_changelog]) AS t WHERE t IS NOT NULL;
  SELECT n.nspname AS schema, c.relname AS name, c.relkind, c.relrowsecurity,
         CASE WHEN birthgate.is_lesser(c.relowner) THEN pg_get_userbyid(c.relowner) END AS owner INTO v_registry
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_registry;
  SELECT string_agg(needed, ', ') INTO v_missing
    FROM unnest(ARRAY['id', 'entity_code', 'collection_name', 'status', 'born_at']) AS needed
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute
                      WHERE attrelid = p_registry AND attname = needed AND attnum > 0 AND NOT attisdropped);
  IF v_missing IS NOT NULL OR v_registry.relkind <> 'r' OR v_registry.relrowsecurity THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s cannot be adopted as the registry', p_registry),
      DETAIL = CASE WHEN v_missing IS NOT NULL THEN format('It lacks the columns %s.', v_missing)
                    WHEN v_registry.relkind <> 'r' THEN 'It is not an ordinary table.'
                    ELSE 'It has row level security, and a view''s owner would see nothing.' END,
      HINT = 'Adopt a table with the columns id, entity_code, collection_name, status and born_at.';
  ELSIF EXISTS (SELECT FROM birthgate.instance WHERE registry_table IS NOT NULL)
        OR EXISTS (SELECT FROM birthgate.birth_registry LIMIT 1) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020',
      MESSAGE = format('%s cannot be adopted: Birthgate has a registry in use', p_registry),
      HINT = 'Adopt right after init, before anything is born.';
  END IF;
  v_name := format('%I.%I', v_registry.schema, v_registry.name);

  -- From here on nobody but those whom Birthgate trusts can hang code on it; nobody has meanwhile.
  RETURN QUERY SELECT s, true FROM birthgate.take_over_plan(p_registry) AS s;
  RETURN QUERY VALUES (format('SELECT birthgate.check_adoptable(%L)', v_name), true);
  -- A constant default is stored once, in the catalog: no row is rewritten, and every old one reads 'legacy'.
  -- The defaults that must not stamp old rows are given afterwards.
  RETURN QUERY VALUES
    (format($sql$ALTER TABLE %s
       ADD COLUMN IF NOT EXISTS origin text DEFAULT 'legacy',
       ADD COLUMN IF NOT EXISTS permit_id bigint,
       ADD COLUMN IF NOT EXISTS born_xid xid8,
       ADD COLUMN IF NOT EXISTS incarnation bigint,
       ADD COLUMN IF NOT EXISTS finalized_at timestamptz,
       ADD COLUMN IF NOT EXISTS retired_at timestamptz,
       ADD COLUMN IF NOT EXISTS retire_permit_id bigint,
       ADD COLUMN IF NOT EXISTS renamed_to text$sql$, v_name), true),
    (format('ALTER TABLE %s ALTER born_xid SET DEFAULT pg_current_xact_id(), ALTER incarnation SET DEFAULT %s',
            v_name, (SELECT incarnation FROM birthgate.instance)), true),
    (format('GRANT USAGE ON SCHEMA %I TO birthgate_owner', v_registry.schema), true),
    (format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO birthgate_owner', v_name), true),
    (format('DROP INDEX CONCURRENTLY IF EXISTS %I.zz_birthgate_birth_permit_key', v_registry.schema), false),
    (format('CREATE UNIQUE INDEX CONCURRENTLY zz_birthgate_birth_permit_key ON %s (permit_id) WHERE permit_id IS NOT NULL', v_name), false),
    (format('DROP INDEX CONCURRENTLY IF EXISTS %I.zz_birthgate_birth_retire_key', v_registry.schema), false),
    (format('CREATE UNIQUE INDEX CONCURRENTLY zz_birthgate_birth_retire_key ON %s (retire_permit_id) WHERE retire_permit_id IS NOT NULL', v_name), false),
    (format($sql$ALTER TABLE %s
       ADD CONSTRAINT zz_birthgate_birth_has_permit CHECK (origin <> 'permit' OR permit_id IS NOT NULL) NOT VALID,
       ADD CONSTRAINT zz_birthgate_birth_retired CHECK ((status = 'retired') = (retire_permit_id IS NOT NULL)) NOT VALID$sql$, v_name), true);
  RETURN QUERY SELECT s, true FROM birthgate.registry_guard_plan(v_registry.schema, v_registry.name) AS s;
  RETURN QUERY VALUES (format('SELECT birthgate.adopt_registry_swap(%L, %L, %L)', v_registry.schema, v_registry.name, v_registry.owner), true);

  IF p_changelog IS NOT NULL THEN
    SELECT n.nspname AS schema, c.relname AS name, CASE WHEN birthgate.is_lesser(c.relowner) THEN pg_get_userbyid(c.relowner) END AS owner INTO v_changelog
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_changelog;
    SELECT string_agg(needed, ', ') INTO v_missing
      FROM unnest(ARRAY['id', 'collection_name', 'entity_code', 'action', 'changed_by', 'changed_at']) AS needed
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute
                        WHERE attrelid = p_changelog AND attname = needed AND attnum > 0 AND NOT attisdropped);
    IF v_missing IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'PB020',
        MESSAGE = format('%s cannot be adopted as the changelog', p_changelog),
        DETAIL = format('It lacks the columns %s.', v_missing), HINT = 'Adopt the registry alone.';
    END IF;
    v_name := format('%I.%I', v_changelog.schema, v_changelog.name);
    RETURN QUERY SELECT s, true FROM birthgate.take_over_plan(p_changelog) AS s;
    RETURN QUERY VALUES (format('SELECT birthgate.check_adoptable(%L)', v_name), true);
    RETURN QUERY VALUES
      (format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS permit_id bigint', v_name), true),
      (format('GRANT USAGE ON SCHEMA %I TO birthgate_owner', v_changelog.schema), true),
      (format('GRANT SELECT, INSERT ON %s TO birthgate_owner', v_name), true),
      (format('SELECT birthgate.adopt_changelog_swap(%L, %L, %L)', v_changelog.schema, v_changelog.name, v_changelog.owner), true);
  END IF;

  v_name := format('%I.%I', v_registry.schema, v_registry.name);
  RETURN QUERY VALUES
    (format('ALTER TABLE %s VALIDATE CONSTRAINT zz_birthgate_birth_has_permit', v_name), true),
    (format('ALTER TABLE %s VALIDATE CONSTRAINT zz_birthgate_birth_retired', v_name), true);
END
$$;

-- Replaces our own empty registry by a view over the adopted one.
DROP FUNCTION IF EXISTS birthgate.adopt_registry_swap(text, text), birthgate.adopt_changelog_swap(text, text);
CREATE OR REPLACE FUNCTION birthgate.adopt_registry_swap(p_schema text, p_table text, p_owner text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  ALTER TABLE birthgate.birth_registry RENAME TO own_birth_registry;  -- empty, until the adoption is undone
  EXECUTE format('CREATE VIEW birthgate.birth_registry AS
    SELECT id, entity_code, collection_name, status, origin, permit_id, born_at, born_xid, incarnation,
           finalized_at, retired_at, retire_permit_id, renamed_to FROM %I.%I', p_schema, p_table);
  UPDATE birthgate.instance SET registry_schema = p_schema, registry_table = p_table, registry_owner = p_owner;
  GRANT SELECT ON birthgate.birth_registry TO birthgate_admitter, birthgate_registrar, birthgate_auditor, birthgate_reader;
END
$$;

CREATE OR REPLACE FUNCTION birthgate.adopt_changelog_swap(p_schema text, p_table text, p_owner text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  ALTER TABLE birthgate.registry_changelog RENAME TO own_registry_changelog;
  EXECUTE format('CREATE VIEW birthgate.registry_changelog AS
    SELECT id, collection_name, entity_code, action, permit_id, changed_by, changed_at FROM %I.%I', p_schema, p_table);
  ALTER VIEW birthgate.registry_changelog ALTER changed_by SET DEFAULT session_user;
  ALTER VIEW birthgate.registry_changelog ALTER changed_at SET DEFAULT clock_timestamp();
  UPDATE birthgate.instance SET changelog_schema = p_schema, changelog_table = p_table, changelog_owner = p_owner;
  GRANT SELECT ON birthgate.registry_changelog TO birthgate_registrar, birthgate_auditor;
END
$$;

-- Put our own tables back where the views over adopted ones are.
CREATE OR REPLACE FUNCTION birthgate.unadopt_registry_swap() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  DROP VIEW birthgate.birth_registry;
  ALTER TABLE birthgate.own_birth_registry RENAME TO birth_registry;
  UPDATE birthgate.instance SET registry_schema = NULL, registry_table = NULL, registry_owner = NULL;
END
$$;

CREATE OR REPLACE FUNCTION birthgate.unadopt_changelog_swap() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  DROP VIEW birthgate.registry_changelog;
  ALTER TABLE birthgate.own_registry_changelog RENAME TO registry_changelog;
  UPDATE birthgate.instance SET changelog_schema = NULL, changelog_table = NULL, changelog_owner = NULL;
END
$$;

-- The statements that give an adopted registry and changelog back as they were; births stay.
CREATE OR REPLACE FUNCTION birthgate.unadopt_plan() RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_instance birthgate.instance;
  v_name text;
BEGIN
  SELECT * INTO v_instance FROM birthgate.instance;
  IF v_instance.registry_table IS NOT NULL THEN
    v_name := format('%I.%I', v_instance.registry_schema, v_instance.registry_table);
    RETURN QUERY SELECT format('DROP TRIGGER %I ON %s', tgname, v_name) FROM pg_catalog.pg_trigger
                  WHERE tgrelid = to_regclass(v_name) AND tgname LIKE 'zz\_birthgate\_birth%' ORDER BY tgname;
    RETURN NEXT 'SELECT birthgate.unadopt_registry_swap()';
    RETURN NEXT format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS zz_birthgate_birth_has_permit, DROP CONSTRAINT IF EXISTS zz_birthgate_birth_retired', v_name);
    RETURN NEXT format('UPDATE %s SET status = ''born'' WHERE status = ''finalized''', v_name);
    RETURN NEXT format('ALTER TABLE %s DROP COLUMN origin, DROP COLUMN permit_id, DROP COLUMN born_xid, DROP COLUMN incarnation, DROP COLUMN finalized_at, DROP COLUMN retired_at, DROP COLUMN retire_permit_id, DROP COLUMN renamed_to', v_name);
    RETURN QUERY SELECT birthgate.give_back_plan(to_regclass(v_name), v_instance.registry_owner);
    RETURN NEXT format('REVOKE ALL ON %s FROM birthgate_owner', v_name);
  END IF;
  IF v_instance.changelog_table IS NOT NULL THEN
    v_name := format('%I.%I', v_instance.changelog_schema, v_instance.changelog_table);
    RETURN NEXT 'SELECT birthgate.unadopt_changelog_swap()';
    RETURN NEXT format('ALTER TABLE %s DROP COLUMN permit_id', v_name);
    RETURN QUERY SELECT birthgate.give_back_plan(to_regclass(v_name), v_instance.changelog_owner);
    RETURN NEXT format('REVOKE ALL ON %s FROM birthgate_owner', v_name);
  END IF;
END
$$;

-- What an earlier version adopted and left to its owner, who could run their code as birthgate_owner.
DO $$
DECLARE
  v_adopted record;
  v_statement text;
BEGIN
  FOR v_adopted IN
    SELECT c.oid, pg_get_userbyid(c.relowner) AS owner, t.is_registry
      FROM birthgate.instance i
     CROSS JOIN LATERAL (VALUES (true, quote_ident(i.registry_schema) || '.' || quote_ident(i.registry_table)),
                                 (false, quote_ident(i.changelog_schema) || '.' || quote_ident(i.changelog_table))) AS t(is_registry, name)
      JOIN pg_catalog.pg_class c ON c.oid = to_regclass(t.name)
     WHERE birthgate.is_lesser(c.relowner)
  LOOP
    PERFORM birthgate.check_adoptable(v_adopted.oid);
    FOR v_statement IN SELECT birthgate.take_over_plan(v_adopted.oid) LOOP
      SET LOCAL ROLE NONE;
      EXECUTE v_statement;
      SET LOCAL ROLE birthgate_owner;
    END LOOP;
    PERFORM birthgate.check_adoptable(v_adopted.oid);
    UPDATE birthgate.instance SET registry_owner = CASE WHEN v_adopted.is_registry THEN v_adopted.owner ELSE registry_owner END,
                                  changelog_owner = CASE WHEN v_adopted.is_registry THEN changelog_owner ELSE v_adopted.owner END;
  END LOOP;
END
$$;
