CREATE SCHEMA birthgate;
ALTER SCHEMA birthgate OWNER TO birthgate_owner;
CREATE SCHEMA birthgate_look;
ALTER SCHEMA birthgate_look OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.acts_as(p_login name, p_role text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN p_login = p_role
      OR EXISTS (SELECT FROM pg_catalog.pg_roles r
                  WHERE r.rolname = p_role AND pg_has_role(p_login, r.oid, 'USAGE'));
END
$$;
ALTER FUNCTION birthgate.acts_as(p_login name, p_role text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.admission_grant_drop(p_role text, p_collection text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.admission_grant_drop(p_role text, p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.admission_grant_set(p_role text, p_collection text, p_quota bigint DEFAULT NULL::bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.admission_grant_set(p_role text, p_collection text, p_quota bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_permit_id bigint;
  v_columns text;
BEGIN
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  v_permit_id := birthgate.permit_request(p_collection, birthgate.entity_code(p_collection, p_row), 'birth', p_idempotency_key);
  IF birthgate.is_done(p_idempotency_key) THEN
    RETURN v_permit_id;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id),
          set_config('birthgate.permit_id', v_permit_id::text, true);  -- of open permits, this one first
  SELECT string_agg(quote_ident(key), ', ') INTO v_columns FROM jsonb_object_keys(p_row) AS key;
  EXECUTE format('INSERT INTO %1$I.%2$I (%3$s) SELECT %3$s FROM jsonb_populate_record(NULL::%1$I.%2$I, $1)',
                 v_collection.table_schema, v_collection.table_name, v_columns) USING p_row;
  RETURN v_permit_id;
END
$_$;
ALTER FUNCTION birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text) OWNER TO birthgate_owner;
CREATE TABLE birthgate.collection (
    collection_name text NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    code_columns text[] NOT NULL,
    code_types text[] NOT NULL,
    code_expression text NOT NULL,
    match_expression text NOT NULL,
    bound_columns text[] DEFAULT '{}'::text[] NOT NULL,
    bound_expression text,
    mode text NOT NULL,
    form text,
    finalize text DEFAULT 'required'::text NOT NULL,
    open_permits boolean DEFAULT false NOT NULL,
    critical boolean DEFAULT false NOT NULL,
    permit_ttl interval DEFAULT '00:15:00'::interval NOT NULL,
    replaced_triggers jsonb DEFAULT '[]'::jsonb NOT NULL,
    reader_grants jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT collection_check CHECK (((mode = 'listed'::text) = (form IS NULL))),
    CONSTRAINT collection_collection_name_check CHECK ((collection_name <> ''::text)),
    CONSTRAINT collection_finalize_check CHECK ((finalize = ANY (ARRAY['required'::text, 'off'::text]))),
    CONSTRAINT collection_form_check CHECK ((form = ANY (ARRAY['statement'::text, 'row'::text]))),
    CONSTRAINT collection_mode_check CHECK ((mode = ANY (ARRAY['listed'::text, 'observe'::text, 'enforce'::text, 'disarmed'::text]))),
    CONSTRAINT collection_permit_ttl_check CHECK ((permit_ttl > '00:00:00'::interval))
);
ALTER TABLE birthgate.collection OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.admit_in_mode(p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF p_collection.mode = 'enforce' THEN
    RETURN birthgate.admit_rows(p_collection, p_entity_codes, p_row_hashes);
  ELSIF p_collection.mode = 'observe' THEN
    BEGIN
      RETURN birthgate.admit_rows(p_collection, p_entity_codes, p_row_hashes);
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
ALTER FUNCTION birthgate.admit_in_mode(p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.admit_many(p_collection text, p_rows jsonb, p_idempotency_keys text[]) RETURNS TABLE(place bigint, entity_code text, permit_id bigint, outcome text, finalized_at timestamp with time zone)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $_$
#variable_conflict use_column
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_table text;
  v_columns text;
  v_codes text[];
  v_ids bigint[];
  v_reserved boolean;
  v_batch record;
BEGIN
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  v_table := format('%I.%I', v_collection.table_schema, v_collection.table_name);
  SELECT string_agg(quote_ident(key), ', ') INTO v_columns FROM jsonb_object_keys(p_rows -> 0) AS key;
  EXECUTE format('SELECT array_agg(%s ORDER BY r.place) FROM jsonb_array_elements($1) WITH ORDINALITY AS r(document, place),
                         LATERAL jsonb_populate_record(NULL::%s, r.document) AS n', v_collection.code_expression, v_table)
     INTO v_codes USING p_rows;
  SELECT array_agg(place ORDER BY place) FILTER (WHERE admissible) AS places,
         array_agg(entity_code ORDER BY place) FILTER (WHERE admissible) AS codes,
         array_agg(idempotency_key ORDER BY place) FILTER (WHERE admissible) AS keys,
         array_agg(place) FILTER (WHERE NOT admissible) AS other_places,
         array_agg(entity_code) FILTER (WHERE NOT admissible) AS other_codes,
         array_agg(permit_id) FILTER (WHERE NOT admissible) AS other_permits,
         array_agg(finalized_at) FILTER (WHERE NOT admissible) AS other_times
    INTO v_batch
    FROM birthgate.prospects(p_collection, v_codes, p_idempotency_keys);
  IF v_batch.places IS NOT NULL THEN
    v_ids := birthgate.permit_request_many(p_collection, v_batch.codes, 'birth', v_batch.keys);
    v_reserved := birthgate.permit_reserve_many(v_ids);
    EXECUTE format('INSERT INTO %1$s (%2$s)
                    SELECT %2$s FROM (SELECT n.* FROM jsonb_array_elements($1) WITH ORDINALITY AS r(document, place),
                           LATERAL jsonb_populate_record(NULL::%1$s, r.document) AS n
                     WHERE r.place = ANY ($2) ORDER BY r.place) AS rows', v_table, v_columns) USING p_rows, v_batch.places;
  END IF;
  RETURN QUERY
    SELECT n.place, n.code, n.id, 'admitted', NULL::timestamptz
      FROM unnest(v_batch.places, v_batch.codes, v_ids) AS n(place, code, id)
     UNION ALL
    SELECT n.place, n.code, n.id, CASE WHEN n.at IS NOT NULL THEN 'already' END, n.at
      FROM unnest(v_batch.other_places, v_batch.other_codes, v_batch.other_permits, v_batch.other_times) AS n(place, code, id, at);
END
$_$;
ALTER FUNCTION birthgate.admit_many(p_collection text, p_rows jsonb, p_idempotency_keys text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.admit_open(p_collection birthgate.collection, p_entity_codes text[], p_now timestamp with time zone) RETURNS bigint[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_checked boolean := birthgate.check_code_rule(p_collection.collection_name, p_entity_codes)
                       AND birthgate.check_unborn(p_collection.collection_name, p_entity_codes);
  v_incarnation bigint := (SELECT incarnation FROM birthgate.instance);
  v_permit_ids bigint[];
BEGIN
  -- Another transaction's are passed over, not waited for: which of them it is makes no difference.
  WITH open AS (
    SELECT array_agg(id) AS ids FROM (
      SELECT p.id FROM birthgate.birth_admission_permit p
       WHERE p.entity_code IS NULL AND p.collection_name = p_collection.collection_name AND p.active AND p.kind = 'birth'
         AND birthgate.permit_is_spendable(p.state, p.expires_at, p.holder, session_user, p_now)
       ORDER BY p.id = nullif(current_setting('birthgate.permit_id', true), '')::bigint DESC NULLS LAST, p.id
       LIMIT cardinality(p_entity_codes) FOR NO KEY UPDATE SKIP LOCKED) AS free),
  spent AS (
    UPDATE birthgate.birth_admission_permit p
       SET entity_code = n.entity_code, state = 'CONSUMED', consumed_at = p_now, consumed_by = session_user,
           consumed_xid = pg_current_xact_id(), incarnation = v_incarnation
      FROM unnest((SELECT ids FROM open), p_entity_codes) AS n(id, entity_code)
     WHERE p.id = n.id AND p.id = ANY ((SELECT ids FROM open)::bigint[])
    RETURNING p.id, p.entity_code),
  registered AS (
    INSERT INTO birthgate.birth_registry
           (entity_code, collection_name, origin, permit_id, born_at, born_xid, incarnation)
    SELECT entity_code, p_collection.collection_name, 'permit', id, p_now, pg_current_xact_id(), v_incarnation FROM spent
    RETURNING permit_id)
  SELECT array_agg(permit_id) INTO v_permit_ids FROM registered;
  RETURN v_permit_ids;
END
$$;
ALTER FUNCTION birthgate.admit_open(p_collection birthgate.collection, p_entity_codes text[], p_now timestamp with time zone) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.admit_rows(p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_xid xid8 := pg_current_xact_id();
  v_permit_ids bigint[];
  v_refused text[];
  v_checked boolean;
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
    IF p_collection.open_permits THEN
      v_permit_ids := v_permit_ids || birthgate.admit_open(p_collection, v_refused, v_now);
      v_refused := ARRAY(SELECT unnest(v_refused) EXCEPT ALL
                         SELECT entity_code FROM birthgate.birth_admission_permit WHERE id = ANY (v_permit_ids));
    END IF;
    IF cardinality(v_refused) = 0 THEN
      NULL;
    ELSIF p_collection.mode = 'enforce' THEN
      PERFORM birthgate.refuse_unpermitted(p_collection.collection_name, v_refused, ARRAY['birth']);
    ELSE
      PERFORM birthgate.observe(p_collection.collection_name, n.entity_code, 'INSERT', p.code)
         FROM unnest(v_refused) AS n(entity_code),
              birthgate.permit_problem(p_collection.collection_name, n.entity_code, ARRAY['birth'], session_user, v_now) AS p;
    END IF;
  END IF;
  IF p_row_hashes IS NOT NULL THEN
    v_checked := birthgate.check_bound(p_collection, v_permit_ids, p_entity_codes, p_row_hashes);
  END IF;
  RETURN birthgate.finalize_at_commit(p_collection, 'birth', v_permit_ids);
END
$$;
ALTER FUNCTION birthgate.admit_rows(p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.adopt_changelog_swap(p_schema text, p_table text, p_owner text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.adopt_changelog_swap(p_schema text, p_table text, p_owner text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.adopt_registry_plan(p_registry regclass, p_changelog regclass DEFAULT NULL::regclass) RETURNS TABLE(statement text, transactional boolean)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;
ALTER FUNCTION birthgate.adopt_registry_plan(p_registry regclass, p_changelog regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.adopt_registry_swap(p_schema text, p_table text, p_owner text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.adopt_registry_swap(p_schema text, p_table text, p_owner text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.backfill(p_collection text, p_after jsonb, p_most bigint) RETURNS TABLE(last_key jsonb, seen bigint, born bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET constraint_exclusion TO 'off'
    AS $_$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_table text := format('%I.%I', v_collection.table_schema, v_collection.table_name);
  v_columns text;
  v_key text;
  v_after text;
  v_codes text[];
BEGIN
  PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
  SELECT string_agg(format('n.%I', c.name), ', ' ORDER BY c.place),
         string_agg(format('%L, n.%I', c.name, c.name), ', ' ORDER BY c.place),
         string_agg(format('($2 ->> %L)::%s', c.name, c.type), ', ' ORDER BY c.place)
    INTO v_columns, v_key, v_after FROM unnest(v_collection.code_columns, v_collection.code_types) WITH ORDINALITY AS c(name, type, place);
  EXECUTE format('SELECT array_agg(code), (array_agg(key))[count(*)], count(*)
                    FROM (SELECT %1$s AS code, jsonb_build_object(%2$s) AS key FROM %3$s AS n
                           WHERE NOT EXISTS (SELECT FROM birthgate.birth_registry b
                                              WHERE b.entity_code = %1$s AND b.collection_name = $1)
                                 %4$s
                           ORDER BY %5$s LIMIT $3 FOR KEY SHARE OF n SKIP LOCKED) AS page',
                 v_collection.code_expression, v_key, v_table,
                 CASE WHEN p_after IS NOT NULL THEN format('AND (%s) > (%s)', v_columns, v_after) END,
                 v_columns)
     INTO v_codes, last_key, seen USING p_collection, p_after, p_most;
  born := CASE WHEN seen = 0 THEN 0 ELSE birthgate.backfill_births(p_collection, v_codes) END;
  RETURN NEXT;
END
$_$;
ALTER FUNCTION birthgate.backfill(p_collection text, p_after jsonb, p_most bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.backfill_births(p_collection text, p_entity_codes text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_condition text := birthgate.keep_plain(v_collection, v_collection.code_columns, false);
  v_born bigint;
BEGIN
  IF birthgate_look.rows_present(v_collection, v_condition, p_entity_codes) <> cardinality(p_entity_codes) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB007',
      MESSAGE = format('some of the %s rows to be born in the collection %L are not there', cardinality(p_entity_codes), p_collection),
      HINT = 'Run it again: birthgate collection backfill';
  END IF;
  INSERT INTO birthgate.birth_registry
         (entity_code, collection_name, status, origin, born_at, born_xid, incarnation, finalized_at)
  SELECT code, p_collection, 'finalized',
         CASE WHEN EXISTS (SELECT FROM birthgate.identity_decision WHERE collection_name = p_collection) THEN 'decision' ELSE 'backfill' END, v_now, pg_current_xact_id(), (SELECT incarnation FROM birthgate.instance), v_now
    FROM unnest(p_entity_codes) AS code
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS v_born = ROW_COUNT;
  RETURN v_born;
END
$$;
ALTER FUNCTION birthgate.backfill_births(p_collection text, p_entity_codes text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.baseline_put(p_header jsonb, p_objects jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.baseline_put(p_header jsonb, p_objects jsonb) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.baseline_seen() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
  UPDATE birthgate.baseline SET seen_at = clock_timestamp()
$$;
ALTER FUNCTION birthgate.baseline_seen() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.birth_guard() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'PB012',
    MESSAGE = format('%s on %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
    DETAIL = format('Only Birthgate''s own functions bind, finalise, retire, re-key or delete a birth; the role here is %I.', current_user),
    HINT = 'A birth ends by its retirement: SELECT birthgate.retire(collection, code)';
END
$$;
ALTER FUNCTION birthgate.birth_guard() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.birth_must_be_bound() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.birth_must_be_bound() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.block_count(p_dimension text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_query text := (SELECT query FROM birthgate.block_dimension WHERE name = p_dimension);
BEGIN
  IF v_query IS NULL OR current_setting('transaction_read_only') <> 'on' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('the dimension %L is not counted so', p_dimension),
      DETAIL = CASE WHEN v_query IS NULL THEN 'It has no query, or is not known.' ELSE 'This transaction can write.' END,
      HINT = 'birthgate block list --refresh counts every dimension that has a query.';
  END IF;
  RETURN birthgate_look.count_by(v_query);
END
$$;
ALTER FUNCTION birthgate.block_count(p_dimension text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.block_dimension_drop(p_name text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
  DELETE FROM birthgate.block_dimension WHERE name = p_name;
$$;
ALTER FUNCTION birthgate.block_dimension_drop(p_name text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.block_dimension_put(p_name text, p_description text, p_query text, p_bound bigint, p_max_age interval, p_blocks text[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
  INSERT INTO birthgate.block_dimension (name, description, query, bound, max_age)
  VALUES (p_name, p_description, p_query, p_bound, p_max_age)
  ON CONFLICT (name) DO UPDATE SET description = EXCLUDED.description, query = EXCLUDED.query,
    bound = EXCLUDED.bound, max_age = EXCLUDED.max_age;
  DELETE FROM birthgate.block_rule WHERE dimension = p_name AND action <> ALL (p_blocks);
  INSERT INTO birthgate.block_rule (action, dimension) SELECT action, p_name FROM unnest(p_blocks) AS action
  ON CONFLICT DO NOTHING;
$$;
ALTER FUNCTION birthgate.block_dimension_put(p_name text, p_description text, p_query text, p_bound bigint, p_max_age interval, p_blocks text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.block_grace_put(p_name text, p_max_age interval) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  UPDATE birthgate.block_dimension SET max_age = p_max_age WHERE name = p_name;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('there is no dimension %L', p_name),
      HINT = 'birthgate block list shows the dimensions.';
  END IF;
END
$$;
ALTER FUNCTION birthgate.block_grace_put(p_name text, p_max_age interval) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.block_observe(p_dimension text, p_value bigint, p_problem text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  -- Whether the gate has drifted is not for those to say whom it guards against.
  IF p_dimension = 'gate_drift' AND NOT birthgate.acts_as(session_user, 'birthgate_owner') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016', MESSAGE = format('%I may not say whether the gate has drifted', session_user),
      DETAIL = 'That takes a role that acts as birthgate_owner.', HINT = 'birthgate drift check, as the monitor.';
  END IF;
  INSERT INTO birthgate.block_observation (dimension, value, problem, observed_at)
  VALUES (p_dimension, p_value, CASE WHEN p_value IS NULL THEN coalesce(p_problem, 'not counted') END, clock_timestamp())
  ON CONFLICT (dimension) DO UPDATE
    SET value = EXCLUDED.value, problem = EXCLUDED.problem, observed_at = EXCLUDED.observed_at, observed_by = session_user;
END
$$;
ALTER FUNCTION birthgate.block_observe(p_dimension text, p_value bigint, p_problem text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.blocked_by(p_action text) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM birthgate.block_rule WHERE action = p_action) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT string_agg(CASE s.state WHEN 'over' THEN format('%s %s > %s', s.name, s.value, s.bound)
                                   WHEN 'too old' THEN format('%s too old (%s)', s.name, s.observed_at)
                                   ELSE format('%s unknown', s.name) END, ' · ' ORDER BY s.name)
      FROM birthgate.block_status s JOIN birthgate.block_rule r ON r.dimension = s.name
     WHERE r.action = p_action AND s.state <> 'within');
END
$$;
ALTER FUNCTION birthgate.blocked_by(p_action text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.carry_birth() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_is_lost boolean := false;
BEGIN
  IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (OLD.id, OLD.entity_code, OLD.collection_name) IS DISTINCT FROM (NEW.id, NEW.entity_code, NEW.collection_name) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB012',
      MESSAGE = CASE TG_OP WHEN 'DELETE' THEN 'no birth is deleted' ELSE 'no birth changes its key' END || ' while the registry is being partitioned',
      DETAIL = 'What was copied already would not follow.',
      HINT = 'End the partitioning first: apply its packet to the end, or undo it.';
  ELSIF TG_ARGV[0] = 'birth_registry_partitioned' THEN
    INSERT INTO birthgate.birth_registry_partitioned VALUES (NEW.*) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      UPDATE birthgate.birth_registry_partitioned
         SET (status, origin, permit_id, born_at, born_xid, incarnation, finalized_at, retired_at, retire_permit_id, renamed_to)
           = (NEW.status, NEW.origin, NEW.permit_id, NEW.born_at, NEW.born_xid, NEW.incarnation, NEW.finalized_at, NEW.retired_at,
              NEW.retire_permit_id, NEW.renamed_to)
       WHERE (entity_code, collection_name) = (NEW.entity_code, NEW.collection_name);
      v_is_lost := NOT FOUND;
    END IF;
  ELSE
    INSERT INTO birthgate.birth_registry_unpartitioned VALUES (NEW.*) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      UPDATE birthgate.birth_registry_unpartitioned
         SET (status, origin, permit_id, born_at, born_xid, incarnation, finalized_at, retired_at, retire_permit_id, renamed_to)
           = (NEW.status, NEW.origin, NEW.permit_id, NEW.born_at, NEW.born_xid, NEW.incarnation, NEW.finalized_at, NEW.retired_at,
              NEW.retire_permit_id, NEW.renamed_to)
       WHERE (entity_code, collection_name) = (NEW.entity_code, NEW.collection_name);
      v_is_lost := NOT FOUND;
    END IF;
  END IF;
  IF v_is_lost THEN
    RAISE unique_violation USING
      MESSAGE = format('%L of the collection %L cannot be carried to %s', NEW.entity_code, NEW.collection_name, TG_ARGV[0]),
      DETAIL = 'Another birth there has its id or its permit.',
      HINT = 'Undo the partitioning, and begin anew.';
  END IF;
  RETURN NULL;
END
$$;
ALTER FUNCTION birthgate.carry_birth() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.carry_to(p_aside text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  v_each regclass;
BEGIN
  EXECUTE format($sql$CREATE OR REPLACE TRIGGER direct_write_guard AFTER INSERT OR UPDATE OR DELETE ON birthgate.%I
    FOR EACH ROW WHEN (current_user <> 'birthgate_owner'::name) EXECUTE FUNCTION birthgate.refuse_direct_write()$sql$, p_aside);
  -- Its births are bound where they are born.
  EXECUTE format('ALTER TABLE birthgate.%I ENABLE ALWAYS TRIGGER direct_write_guard, DISABLE TRIGGER zz_birthgate_birth_bound', p_aside);
  -- The copy is taken back at once.
  FOR v_each IN SELECT birthgate.with_partitions(p_aside) LOOP
    EXECUTE format($sql$CREATE OR REPLACE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON %s
      FOR EACH STATEMENT WHEN (current_user <> 'birthgate_owner'::name) EXECUTE FUNCTION birthgate.refuse_direct_write()$sql$, v_each);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER direct_truncate_guard, DISABLE TRIGGER zz_birthgate_birth_truncate', v_each);
  END LOOP;
  EXECUTE format('CREATE TRIGGER zz_birthgate_birth_carry AFTER INSERT OR UPDATE OR DELETE ON birthgate.birth_registry
    FOR EACH ROW EXECUTE FUNCTION birthgate.carry_birth(%L)', p_aside);
  ALTER TABLE birthgate.birth_registry ENABLE ALWAYS TRIGGER zz_birthgate_birth_carry;
END
$_$;
ALTER FUNCTION birthgate.carry_to(p_aside text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_adoptable(p_table regclass) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.check_adoptable(p_table regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_born(p_collection text, p_entity_codes text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.check_born(p_collection text, p_entity_codes text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_bound(p_collection birthgate.collection, p_permit_ids bigint[], p_entity_codes text[], p_row_hashes bytea[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_permit record;
BEGIN
  SELECT p.id, p.entity_code INTO v_permit
    FROM unnest(p_entity_codes, p_row_hashes) AS n(entity_code, row_hash)
    JOIN birthgate.birth_admission_permit p ON p.id = ANY (p_permit_ids) AND p.entity_code = n.entity_code
   WHERE p.row_hash <> n.row_hash LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB021',
      MESSAGE = format('the row of %L in the collection %L is not the one that was permitted', v_permit.entity_code, p_collection.collection_name),
      DETAIL = format('Permit %s is bound to the columns %s.', v_permit.id, array_to_string(p_collection.bound_columns, ', ')),
      HINT = 'Insert the row as it was requested, or request a permit for this one.';
  END IF;
  RETURN true;
END
$$;
ALTER FUNCTION birthgate.check_bound(p_collection birthgate.collection, p_permit_ids bigint[], p_entity_codes text[], p_row_hashes bytea[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_code_rule(p_collection text, p_entity_codes text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_pattern text := (SELECT pattern FROM birthgate.code_rule WHERE collection_name = p_collection);
  v_code text;
BEGIN
  FOREACH v_code IN ARRAY p_entity_codes LOOP
    IF v_code = '' OR v_code !~ v_pattern THEN
      RAISE EXCEPTION USING ERRCODE = 'PB004',
        MESSAGE = format('the code %L is against the rule of the collection %L', v_code, p_collection),
        DETAIL = coalesce(format('The rule is %s', v_pattern), 'An entity code is never empty.'),
        HINT = format('Choose another code, or have the rule changed: birthgate collection rule %s', p_collection);
    END IF;
  END LOOP;
  RETURN true;
END
$$;
ALTER FUNCTION birthgate.check_code_rule(p_collection text, p_entity_codes text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_grant(p_collection text, p_wanted bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_grant birthgate.admission_grant;
  v_active bigint;
BEGIN
  SELECT * INTO v_grant FROM birthgate.admission_grant g
   WHERE g.collection_name = p_collection AND birthgate.acts_as(session_user, g.role_name)
   ORDER BY g.quota DESC NULLS FIRST LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016',
      MESSAGE = format('%I may not request permits in the collection %L', session_user, p_collection),
      DETAIL = 'No grant names this login or a role it is a member of.',
      HINT = format('An owner grants it: birthgate collection grant %s %s', p_collection, session_user);
  ELSIF v_grant.quota IS NOT NULL THEN
    PERFORM FROM birthgate.admission_grant
      WHERE role_name = v_grant.role_name AND collection_name = p_collection FOR NO KEY UPDATE;
    SELECT count(*) INTO v_active
      FROM (SELECT FROM birthgate.birth_admission_permit
             WHERE collection_name = p_collection AND active AND requester = session_user
             LIMIT v_grant.quota + 1) AS held;
    IF v_active + p_wanted > v_grant.quota THEN
      RAISE EXCEPTION USING ERRCODE = 'PB015',
        MESSAGE = format('the quota of %s active permits in the collection %L is reached', v_grant.quota, p_collection),
        DETAIL = format('%I asks for %s and holds %s.', session_user, p_wanted, v_active),
        HINT = 'Spend or cancel permits first, or have the quota raised: birthgate collection grant';
    END IF;
  END IF;
  RETURN true;
END
$$;
ALTER FUNCTION birthgate.check_grant(p_collection text, p_wanted bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_plain(p_collection birthgate.collection, p_columns text[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_name text := format('%I.%I', p_collection.table_schema, p_collection.table_name);
  v_relid oid := to_regclass(v_name);
  v_columns bigint;
  v_condition text;
  v_problem text;
BEGIN
  -- Nearly every table: nothing with an expression hangs on it, and its columns are text, a number or a uuid.
  IF EXISTS (
       SELECT FROM pg_catalog.pg_class c
        WHERE c.oid = v_relid AND c.relkind = 'r' AND NOT c.relhassubclass
          AND (SELECT count(*) FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = v_relid AND a.attname = ANY (p_columns) AND a.atttypid < 16384 AND NOT a.attisdropped
                  AND a.attgenerated <> 'v' AND a.attnum > 0) = cardinality(p_columns)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = v_relid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = v_relid AND s.stxexprs IS NOT NULL)) THEN
    RETURN CASE WHEN current_setting('transaction_isolation') = 'read committed' THEN 'true'
                ELSE (SELECT string_agg(format('pg_typeof((NULL::%s).%I) = %s::oid', v_name, a.attname, a.atttypid), ' AND ')
                        FROM pg_catalog.pg_attribute a WHERE a.attrelid = v_relid AND a.attname = ANY (p_columns) AND NOT a.attisdropped) END;
  END IF;
  IF v_relid IS NULL THEN
    v_problem := 'it is not there';
  ELSE
    SELECT count(*), string_agg(format('pg_typeof((NULL::%s).%I) = %s::oid', v_name, a.attname, a.atttypid), ' AND '),
           min(CASE WHEN a.attgenerated = 'v' THEN format('the column %I is computed when it is read', a.attname) ELSE k.problem END)
      INTO v_columns, v_condition, v_problem
      FROM pg_catalog.pg_attribute a
      LEFT JOIN birthgate.key_columns(v_relid, ARRAY[a.attname::text]) AS k ON a.atttypid >= 16384
     WHERE a.attrelid = v_relid AND a.attname = ANY (p_columns) AND a.attnum > 0 AND NOT a.attisdropped;
    v_problem := coalesce(v_problem, CASE WHEN v_columns <> cardinality(p_columns) THEN format('it has no longer the columns %s', array_to_string(p_columns, ', ')) END,
                          birthgate.replaceable(v_relid));
  END IF;
  IF v_problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB019',
      MESSAGE = format('the table %s of the collection %L cannot be read safely: %s', v_name, p_collection.collection_name, v_problem),
      DETAIL = 'Reading it would run code that a role without Birthgate''s rights can replace.',
      HINT = 'Give the function to a superuser''s role, take it out of the index or statistics, or put the table back as it was governed.';
  END IF;
  RETURN v_condition;
END
$$;
ALTER FUNCTION birthgate.check_plain(p_collection birthgate.collection, p_columns text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_stops(p_collection text, p_kind text, p_break_glass boolean) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_action text := 'birth_admit:' || p_collection;
  v_stop birthgate.stop;
  v_blocked text;
BEGIN
  -- One query for the everyday case, in which nothing is said of the collection.
  IF NOT EXISTS (SELECT FROM birthgate.stop WHERE collection_name = p_collection
                 UNION ALL SELECT FROM birthgate.block_rule WHERE action = v_action) THEN
    RETURN true;
  END IF;
  SELECT * INTO v_stop FROM birthgate.stop WHERE collection_name = p_collection;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB017',
      MESSAGE = format('an owner has stopped the collection %L: %s', p_collection, v_stop.reason),
      DETAIL = format('By %I, since %s.', v_stop.stopped_by, v_stop.since),
      HINT = 'The owner ends the stop by deleting its row of birthgate.stop.';
  END IF;
  IF NOT p_break_glass AND p_kind = 'birth' THEN
    v_blocked := birthgate.blocked_by(v_action);
    IF v_blocked IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'PB017',
        MESSAGE = format('births in the collection %L are blocked: %s', p_collection, v_blocked),
        DETAIL = 'Every dimension listed for the admission must be known, fresh and within its bound.',
        HINT = 'Count again: birthgate block list --refresh. In an emergency: entity admit --break-glass';
    END IF;
  END IF;
  RETURN true;
END
$$;
ALTER FUNCTION birthgate.check_stops(p_collection text, p_kind text, p_break_glass boolean) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_superuser(p_collection birthgate.collection) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  v_name text := format('%I.%I', p_collection.table_schema, p_collection.table_name);
  v_problem text;
BEGIN
  PERFORM birthgate.keep_plain(p_collection, p_collection.code_columns, false);
  EXECUTE format('LOCK TABLE %1$s IN ROW EXCLUSIVE MODE; LOCK TABLE %1$s IN SHARE UPDATE EXCLUSIVE MODE', v_name);
  v_problem := birthgate.replaceable(v_name::regclass, true);
  IF v_problem IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016',
      MESSAGE = format('no superuser writes %s of the collection %L: %s', v_name, p_collection.collection_name, v_problem),
      DETAIL = 'It would run as the superuser.',
      HINT = 'Do it as a role that may write the table and no more.';
  END IF;
END
$_$;
ALTER FUNCTION birthgate.check_superuser(p_collection birthgate.collection) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.check_unborn(p_collection text, p_entity_codes text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.check_unborn(p_collection text, p_entity_codes text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.children(p_collection birthgate.collection, p_entity_code text) RETURNS TABLE(collection_name text, entity_code text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_key record;
BEGIN
  FOR v_key IN
    SELECT c.collection_name, c.table_schema, c.table_name, c.code_expression,
           string_agg(format('n.%I', child.attname), ', ' ORDER BY k.place) AS child_columns,
           string_agg(format('t.%I', parent.attname), ', ' ORDER BY k.place) AS parent_columns
      FROM pg_catalog.pg_constraint f
      JOIN birthgate.collection c ON to_regclass(format('%I.%I', c.table_schema, c.table_name)) = f.conrelid
           AND c.mode IN ('observe', 'enforce')
     CROSS JOIN unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(child, parent, place)
      JOIN pg_catalog.pg_attribute child ON child.attrelid = f.conrelid AND child.attnum = k.child
      JOIN pg_catalog.pg_attribute parent ON parent.attrelid = f.confrelid AND parent.attnum = k.parent
     WHERE f.contype = 'f' AND f.conparentid = 0
       AND f.confrelid = to_regclass(format('%I.%I', p_collection.table_schema, p_collection.table_name))
     GROUP BY f.oid, c.collection_name, c.table_schema, c.table_name, c.code_expression
  LOOP
    IF current_setting('is_superuser') = 'on' THEN
      PERFORM birthgate.check_superuser(birthgate.collection_of(v_key.collection_name));
    END IF;
    RETURN QUERY EXECUTE format('SELECT %L::text, %s FROM %I.%I AS n WHERE (%s) IN (SELECT %s FROM %I.%I AS t WHERE %s)',
      v_key.collection_name, v_key.code_expression, v_key.table_schema, v_key.table_name, v_key.child_columns,
      v_key.parent_columns, p_collection.table_schema, p_collection.table_name, p_collection.match_expression)
      USING ARRAY[p_entity_code];
  END LOOP;
END
$$;
ALTER FUNCTION birthgate.children(p_collection birthgate.collection, p_entity_code text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.clear_overdue(p_collection text, p_entity_codes text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_ids bigint[];
  v_active record;
BEGIN
  SELECT array_agg(p.id) INTO v_ids FROM birthgate.birth_admission_permit p
   WHERE p.entity_code = ANY (p_entity_codes) AND p.collection_name = p_collection AND p.active;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  UPDATE birthgate.birth_admission_permit SET state = 'EXPIRED', ended_at = v_now
   WHERE id = ANY (v_ids) AND state IN ('REQUESTED', 'RESERVED') AND expires_at <= v_now;
  SELECT id, entity_code, state, holder, expires_at INTO v_active
    FROM birthgate.birth_admission_permit WHERE id = ANY (v_ids) AND active LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB014',
      MESSAGE = format('%L of the collection %L has an active permit already', v_active.entity_code, p_collection),
      DETAIL = format('Permit %s is %s, is held by %I and expires at %s.',
                      v_active.id, v_active.state, v_active.holder, v_active.expires_at),
      HINT = format('Spend it, or cancel it: SELECT birthgate.permit_cancel(%s)', v_active.id);
  END IF;
END
$$;
ALTER FUNCTION birthgate.clear_overdue(p_collection text, p_entity_codes text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.code_rule_set(p_collection text, p_pattern text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  PERFORM '' ~ p_pattern;  -- an invalid pattern is refused now, not at somebody's request
  DELETE FROM birthgate.code_rule WHERE collection_name = p_collection;
  IF p_pattern IS NOT NULL THEN
    INSERT INTO birthgate.code_rule (collection_name, pattern) VALUES (p_collection, p_pattern);
  END IF;
END
$$;
ALTER FUNCTION birthgate.code_rule_set(p_collection text, p_pattern text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.collection_of(p_collection text) RETURNS birthgate.collection
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_collection birthgate.collection;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018', MESSAGE = format('there is no collection %L', p_collection),
      HINT = 'birthgate collection list shows the collections.';
  END IF;
  RETURN v_collection;
END
$$;
ALTER FUNCTION birthgate.collection_of(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.collection_put(p_collection birthgate.collection) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
  INSERT INTO birthgate.collection SELECT p_collection.*
  ON CONFLICT (collection_name) DO UPDATE SET
    table_schema = EXCLUDED.table_schema, table_name = EXCLUDED.table_name, code_columns = EXCLUDED.code_columns,
    code_types = EXCLUDED.code_types, code_expression = EXCLUDED.code_expression, match_expression = EXCLUDED.match_expression,
    bound_columns = EXCLUDED.bound_columns, bound_expression = EXCLUDED.bound_expression, mode = EXCLUDED.mode,
    form = EXCLUDED.form, finalize = EXCLUDED.finalize, open_permits = EXCLUDED.open_permits, critical = EXCLUDED.critical,
    permit_ttl = EXCLUDED.permit_ttl, replaced_triggers = EXCLUDED.replaced_triggers, reader_grants = EXCLUDED.reader_grants;
$$;
ALTER FUNCTION birthgate.collection_put(p_collection birthgate.collection) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.collection_remove(p_collection text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
  DELETE FROM birthgate.collection WHERE collection_name = p_collection
$$;
ALTER FUNCTION birthgate.collection_remove(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.collection_set_mode(p_collection text, p_mode text, p_finalize text DEFAULT NULL::text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
  UPDATE birthgate.collection SET mode = p_mode, finalize = coalesce(p_finalize, finalize)
   WHERE collection_name = p_collection
$$;
ALTER FUNCTION birthgate.collection_set_mode(p_collection text, p_mode text, p_finalize text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.columns_of_json(p_collection birthgate.collection, p_columns text[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  v_columns text;
  v_problem text;
BEGIN
  WITH RECURSIVE typed AS (
    SELECT a.attname, a.atttypid AS type, a.atttypmod AS typmod FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = to_regclass(format('%I.%I', p_collection.table_schema, p_collection.table_name)) AND a.attname = ANY (p_columns)
       AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL
    SELECT b.attname, t.typbasetype, t.typtypmod FROM typed b JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype = 'd')
  SELECT string_agg(format('($1 %s %L)::%s AS %I', CASE WHEN b.type IN ('json'::regtype, 'jsonb'::regtype) THEN '->' ELSE '->>' END,
                           b.attname, format_type(b.type, b.typmod), b.attname), ', '),
         min(b.attname) FILTER (WHERE b.type >= 16384 AND birthgate.is_lesser(t.typowner))
    INTO v_columns, v_problem FROM typed b JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd';
  IF v_problem IS NOT NULL OR v_columns IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB019',
      MESSAGE = format('the columns %s of %I.%I are no longer of a type that can be governed', array_to_string(p_columns, ', '),
                       p_collection.table_schema, p_collection.table_name),
      HINT = 'Give them back the type that they had.';
  END IF;
  RETURN v_columns;
END
$_$;
ALTER FUNCTION birthgate.columns_of_json(p_collection birthgate.collection, p_columns text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.copy_births(p_after bigint, p_upto bigint, p_most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '50ms'
    AS $$
DECLARE
  v_last bigint;
BEGIN
  -- Before PostgreSQL looks for a deadlock, whose victim could be the birth.
  PERFORM set_config('lock_timeout', least(50, greatest(1, setting::bigint * 9 / 10))::text, true)
     FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout';
  WITH batch AS MATERIALIZED (
    SELECT * FROM birthgate.birth_registry WHERE id > p_after AND id <= p_upto ORDER BY id LIMIT p_most),
  copied AS (
    INSERT INTO birthgate.birth_registry_partitioned
           (id, entity_code, collection_name, status, origin, permit_id, born_at, born_xid, incarnation, finalized_at, retired_at, retire_permit_id, renamed_to)
    SELECT id, entity_code, collection_name, status, origin, permit_id, born_at, born_xid, incarnation, finalized_at, retired_at, retire_permit_id, renamed_to
      FROM batch ON CONFLICT DO NOTHING)
  SELECT max(id) INTO v_last FROM batch;
  RETURN v_last;
EXCEPTION WHEN lock_not_available THEN
  RETURN p_after;
END
$$;
ALTER FUNCTION birthgate.copy_births(p_after bigint, p_upto bigint, p_most integer) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.copy_births_undo() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  TRUNCATE birthgate.birth_registry_partitioned;
END
$$;
ALTER FUNCTION birthgate.copy_births_undo() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.copy_grants(p_from regclass, p_to regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_statement text;
BEGIN
  FOR v_statement IN
    SELECT format('REVOKE ALL ON %s FROM %s', p_to, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
      FROM pg_catalog.pg_class c CROSS JOIN aclexplode(c.relacl) AS a WHERE c.oid = p_to AND a.grantee <> c.relowner GROUP BY a.grantee
     UNION ALL
    SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, p_to, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_catalog.pg_class c CROSS JOIN aclexplode(c.relacl) AS a WHERE c.oid = p_from AND a.grantee <> c.relowner
  LOOP
    EXECUTE v_statement;
  END LOOP;
END
$$;
ALTER FUNCTION birthgate.copy_grants(p_from regclass, p_to regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.copy_plan() RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY
    SELECT format('ALTER TABLE %s ENABLE TRIGGER %I', table_name, name) FROM birthgate.own_triggers() WHERE enabled = 'A';
  -- The publisher makes a partition a month, which no subscription brings. All months go here.
  RETURN NEXT 'CREATE TABLE IF NOT EXISTS birthgate.permit_archive_copied PARTITION OF birthgate.permit_archive DEFAULT';
  RETURN NEXT 'ALTER TABLE birthgate.permit_archive_copied OWNER TO birthgate_owner';
END
$$;
ALTER FUNCTION birthgate.copy_plan() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.count_not_born_in(p_collection text, p_other text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
BEGIN
  PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
  RETURN birthgate_look.count_not_born_in(v_collection, p_other);
END
$$;
ALTER FUNCTION birthgate.count_not_born_in(p_collection text, p_other text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.count_orphans() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_collection birthgate.collection;
  v_total bigint := 0;
BEGIN
  FOR v_collection IN SELECT * FROM birthgate.collection
                       WHERE critical AND mode <> 'disarmed' AND birthgate.has_own_births(collection_name) LOOP
    v_total := v_total + birthgate.count_not_born_in(v_collection.collection_name, v_collection.collection_name);
  END LOOP;
  RETURN v_total;
END
$$;
ALTER FUNCTION birthgate.count_orphans() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.count_phantoms() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_collection birthgate.collection;
  v_total bigint := 0;
BEGIN
  FOR v_collection IN SELECT * FROM birthgate.collection WHERE mode <> 'disarmed' LOOP
    PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
    v_total := v_total + birthgate_look.count_phantoms(v_collection);
  END LOOP;
  RETURN v_total;
END
$$;
ALTER FUNCTION birthgate.count_phantoms() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ddl_event_prune(p_older_than interval, p_most bigint DEFAULT 10000) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_before timestamptz := least(clock_timestamp() - greatest(p_older_than, interval '1 day'), (SELECT seen_at FROM birthgate.baseline));
  v_deleted bigint;
BEGIN
  DELETE FROM birthgate.ddl_event WHERE id IN
    (SELECT id FROM birthgate.ddl_event WHERE at < v_before ORDER BY at LIMIT p_most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$$;
ALTER FUNCTION birthgate.ddl_event_prune(p_older_than interval, p_most bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ddl_event_put(p_event text, p_tags text[], p_types text[], p_identities text[], p_more bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_numbers bigint;
BEGIN
  IF p_tags IS NULL THEN
    RETURN;
  END IF;
  LOCK TABLE birthgate.ddl_event IN ROW EXCLUSIVE MODE NOWAIT;
  SELECT count(*) INTO v_numbers
    FROM (SELECT FROM birthgate.ddl_event WHERE at >= transaction_timestamp() AND xid = pg_current_xact_id_if_assigned()::text GROUP BY ddl_event.xmin) AS mine;
  INSERT INTO birthgate.ddl_event (event, tag, object_type, object_identity, more, role, application, client)
  SELECT p_event, o.tag, o.object_type, o.object_identity, o.more,
         -- current_user is the definer here, but what SET ROLE set is still to be seen.
         CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END,
         nullif(current_setting('application_name'), ''), host(inet_client_addr())
    FROM (SELECT tag, object_type, object_identity, NULL::bigint AS more FROM unnest(p_tags, p_types, p_identities) AS o (tag, object_type, object_identity)
           UNION ALL SELECT p_tags[1], NULL, NULL, p_more WHERE p_more > 0
           UNION ALL SELECT p_tags[1], NULL, NULL, 0 WHERE v_numbers = 32) AS o
   WHERE v_numbers <= 32 OR birthgate.ddl_may_be_of_gate(o.object_type, o.object_identity)
      OR o.object_identity IS NULL AND NOT EXISTS (
           SELECT FROM birthgate.ddl_event e WHERE e.at >= transaction_timestamp() AND e.xid = pg_current_xact_id_if_assigned()::text
              AND e.tag = o.tag AND e.object_type IS NOT DISTINCT FROM o.object_type AND e.object_identity IS NULL);
END
$$;
ALTER FUNCTION birthgate.ddl_event_put(p_event text, p_tags text[], p_types text[], p_identities text[], p_more bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ddl_guard_drop() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  PERFORM birthgate.ddl_event_put(TG_EVENT, array_agg(TG_TAG), array_agg(o.object_type), array_agg(o.object_identity), max(o.of_all) - count(*))
     FROM (SELECT d.object_type, d.object_identity, count(*) OVER () AS of_all
             FROM pg_event_trigger_dropped_objects() AS d
            WHERE (d.original OR d.normal) AND NOT d.is_temporary AND NOT birthgate.ddl_is_temporary(d.schema_name, d.object_identity)
            ORDER BY d.original DESC, d.object_type = 'trigger' DESC LIMIT 100) AS o;
EXCEPTION WHEN OTHERS THEN
  RAISE DEBUG 'the DDL guard did not write % down: %', TG_TAG, SQLERRM;
END
$$;
ALTER FUNCTION birthgate.ddl_guard_drop() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ddl_guard_end() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  -- It also revokes what the role was granted, and says not of which objects.
  IF TG_TAG = 'DROP OWNED' THEN
    PERFORM birthgate.ddl_event_put(TG_EVENT, ARRAY[TG_TAG], ARRAY[NULL::text], ARRAY[NULL::text], 0);
    RETURN;
  END IF;
  PERFORM birthgate.ddl_event_put(TG_EVENT, array_agg(o.command_tag), array_agg(o.object_type), array_agg(o.object_identity), max(o.of_all) - count(*))
     FROM (SELECT c.command_tag, c.object_type, c.object_identity, count(*) OVER () AS of_all
             FROM pg_event_trigger_ddl_commands() AS c
            WHERE NOT c.in_extension AND c.command_tag NOT IN ('REFRESH MATERIALIZED VIEW', 'REINDEX')
              AND NOT birthgate.ddl_is_temporary(c.schema_name, c.object_identity)
            LIMIT 100) AS o;
EXCEPTION WHEN OTHERS THEN
  RAISE DEBUG 'the DDL guard did not write % down: %', TG_TAG, SQLERRM;
END
$$;
ALTER FUNCTION birthgate.ddl_guard_end() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ddl_guard_rewrite() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  PERFORM birthgate.ddl_event_put(TG_EVENT, array_agg(TG_TAG), array_agg('table'::text), array_agg(format('%I.%I', n.nspname, c.relname)), 0)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_event_trigger_table_rewrite_oid() AND c.relpersistence <> 't';
EXCEPTION WHEN OTHERS THEN
  RAISE DEBUG 'the DDL guard did not write % down: %', TG_TAG, SQLERRM;
END
$$;
ALTER FUNCTION birthgate.ddl_guard_rewrite() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ddl_is_temporary(p_schema text, p_identity text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
BEGIN
  RETURN coalesce(p_schema ~ '^pg_(toast_)?temp', false)
      OR coalesce(p_identity ~ '^(for )?pg_temp\.| on pg_temp\.([^"]+|"([^"]|"")*")$', false);
END
$_$;
ALTER FUNCTION birthgate.ddl_is_temporary(p_schema text, p_identity text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ddl_may_be_of_gate(p_type text, p_identity text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
BEGIN
  RETURN p_identity LIKE 'birthgate%' OR p_type IN ('schema', 'event trigger')
      OR EXISTS (SELECT FROM birthgate.baseline_object
                  WHERE object IN (concat(p_type, ' ', p_identity), concat('table ', substring(p_identity FROM ' on (.*)$')),
                                   concat('table ', regexp_replace(p_identity, '\.[^.]*$', ''))));
END
$_$;
ALTER FUNCTION birthgate.ddl_may_be_of_gate(p_type text, p_identity text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.decide_identity(p_collection text, p_identity text, p_alias_of text, p_evidence jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.decide_identity(p_collection text, p_identity text, p_alias_of text, p_evidence jsonb) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.disarm_plan(p_table regclass) RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
    FROM pg_catalog.pg_trigger
   WHERE tgname LIKE 'zz\_birthgate\_g%' AND NOT tgisinternal AND tgparentid = 0
     AND tgrelid IN (SELECT p_table UNION SELECT relid FROM pg_partition_tree(p_table))
   ORDER BY tgrelid, tgname
$$;
ALTER FUNCTION birthgate.disarm_plan(p_table regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.discard(p_collection text, p_entity_code text, p_idempotency_key text DEFAULT NULL::text, p_cascade boolean DEFAULT false) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT birthgate.end_entity(p_collection, p_entity_code, 'discard', p_idempotency_key, p_cascade) $$;
ALTER FUNCTION birthgate.discard(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.end_entity(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_cascade boolean) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_permit_id bigint := birthgate.permit_request(p_collection, p_entity_code, p_kind, p_idempotency_key);
  v_child record;
  v_deleted bigint := 0;
BEGIN
  IF birthgate.is_done(p_idempotency_key) THEN
    RETURN v_permit_id;
  END IF;
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  IF p_cascade THEN
    FOR v_child IN SELECT * FROM birthgate.children(v_collection, p_entity_code) LOOP
      PERFORM birthgate.end_entity(v_child.collection_name, v_child.entity_code,
                CASE WHEN EXISTS (SELECT FROM birthgate.birth_registry
                                   WHERE entity_code = v_child.entity_code AND collection_name = v_child.collection_name
                                     AND status <> 'retired') THEN 'retire' ELSE 'discard' END, NULL, true);
    END LOOP;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id);
  IF v_collection.mode IN ('observe', 'enforce') THEN
    EXECUTE format('DELETE FROM %I.%I AS t WHERE %s',
                   v_collection.table_schema, v_collection.table_name, v_collection.match_expression)
      USING ARRAY[p_entity_code];
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
  END IF;
  IF v_deleted = 0 AND p_kind = 'retire' THEN
    PERFORM birthgate.retire_phantom(v_permit_id);
  ELSIF v_deleted = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024',
      MESSAGE = format('%L of the collection %L has no row to discard', p_entity_code, p_collection),
      HINT = 'birthgate entity show tells what is known of it.';
  END IF;
  RETURN v_permit_id;
END
$$;
ALTER FUNCTION birthgate.end_entity(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_cascade boolean) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.entity_code(p_collection text, p_row jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_code text;
BEGIN
  IF p_row ?& v_collection.code_columns THEN
    EXECUTE format('SELECT %s FROM (SELECT %s) AS n', v_collection.code_expression,
                   birthgate.columns_of_json(v_collection, v_collection.code_columns)) INTO v_code USING p_row;
  END IF;
  RETURN v_code;
END
$$;
ALTER FUNCTION birthgate.entity_code(p_collection text, p_row jsonb) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.fan_in_set() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$ UPDATE birthgate.instance SET fan_in = true $$;
ALTER FUNCTION birthgate.fan_in_set() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.finalize() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
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
ALTER FUNCTION birthgate.finalize() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.finalize_at_commit(p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.finalize_at_commit(p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.finalize_permits(p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.finalize_permits(p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.fn_assert_safe_for_dot_action(p_action text) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_blocked text := birthgate.blocked_by(p_action);
BEGIN
  IF NOT EXISTS (SELECT FROM birthgate.block_rule WHERE action = p_action) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB017', MESSAGE = format('NO-GO: nothing is known of the action %L', p_action),
      DETAIL = 'No BLOCK dimension is listed for it, so nothing says that it is safe.',
      HINT = 'Rows of birthgate.block_rule say which dimension blocks which action.';
  ELSIF v_blocked IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB017', MESSAGE = format('NO-GO for %s: %s', p_action, v_blocked),
      DETAIL = 'Every dimension of the action must be known, fresh and within its bound.',
      HINT = 'Count again: birthgate block list --refresh';
  END IF;
END
$$;
ALTER FUNCTION birthgate.fn_assert_safe_for_dot_action(p_action text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.gate_drift_put(p_blocks text[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
  INSERT INTO birthgate.block_dimension (name, description, bound, max_age)
  VALUES ('gate_drift', 'objects of the gate that are not as the baseline says', 0, '1 hour') ON CONFLICT DO NOTHING;
  INSERT INTO birthgate.block_rule (action, dimension) SELECT action, 'gate_drift' FROM unnest(p_blocks) AS action ON CONFLICT DO NOTHING;
$$;
ALTER FUNCTION birthgate.gate_drift_put(p_blocks text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.gate_problem(p_collection text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.gate_problem(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.gate_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $_$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_codes text[];
  v_row_hashes bytea[];
  v_admitted boolean;
BEGIN
  EXECUTE 'SELECT ARRAY[' || v_collection.code_expression
          || coalesce('], ARRAY[' || v_collection.bound_expression, '') || '] FROM (SELECT $1.*) AS n'
     INTO v_codes, v_row_hashes USING NEW;
  v_admitted := birthgate.admit_in_mode(v_collection, v_codes, v_row_hashes);
  RETURN NULL;
END
$_$;
ALTER FUNCTION birthgate.gate_row() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.gate_statement() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
  v_collection birthgate.collection := birthgate.governed(TG_RELID, TG_ARGV[0]);
  v_codes text[];
  v_row_hashes bytea[];
  v_admitted boolean;
BEGIN
  EXECUTE 'SELECT array_agg(' || v_collection.code_expression
          || coalesce('), array_agg(' || v_collection.bound_expression, '') || ') FROM new_rows AS n' INTO v_codes, v_row_hashes;
  IF v_codes IS NOT NULL THEN
    v_admitted := birthgate.admit_in_mode(v_collection, v_codes, v_row_hashes);
  END IF;
  RETURN NULL;
END
$$;
ALTER FUNCTION birthgate.gate_statement() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.gated_table(p_collection text) RETURNS regclass
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE count(*) WHEN 1 THEN min(tgrelid) END::regclass
    FROM pg_catalog.pg_trigger
   WHERE tgname = 'zz_birthgate_gate' AND NOT tgisinternal AND tgparentid = 0
     AND tgargs = convert_to(p_collection, current_setting('server_encoding')) || '\x00'
$$;
ALTER FUNCTION birthgate.gated_table(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.give_back_plan(p_table regclass, p_owner text) RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format(statement, p_table, p_owner)
    FROM unnest(ARRAY['REVOKE SELECT, INSERT, UPDATE, DELETE ON %s FROM %I', 'ALTER TABLE %s OWNER TO %I']) WITH ORDINALITY AS s(statement, place)
   WHERE p_owner IS NOT NULL ORDER BY place
$$;
ALTER FUNCTION birthgate.give_back_plan(p_table regclass, p_owner text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.govern_obstacle(p_table regclass, p_code_columns text[], p_mode text, p_bound_columns text[] DEFAULT '{}'::text[]) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.govern_obstacle(p_table regclass, p_code_columns text[], p_mode text, p_bound_columns text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.govern_plan(p_collection text, p_table regclass, p_code_columns text[], p_mode text, p_form text DEFAULT NULL::text, p_finalize text DEFAULT 'required'::text, p_critical boolean DEFAULT false, p_rule text DEFAULT NULL::text, p_replaces text[] DEFAULT '{}'::text[], p_open_permits boolean DEFAULT false, p_bound_columns text[] DEFAULT '{}'::text[], p_again boolean DEFAULT false) RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;
ALTER FUNCTION birthgate.govern_plan(p_collection text, p_table regclass, p_code_columns text[], p_mode text, p_form text, p_finalize text, p_critical boolean, p_rule text, p_replaces text[], p_open_permits boolean, p_bound_columns text[], p_again boolean) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.governed(p_relid oid, p_collection text) RETURNS birthgate.collection
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_collection birthgate.collection;
  v_relid oid;
  v_columns text[];
  v_condition text;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  IF FOUND THEN
    v_relid := to_regclass(format('%I.%I', v_collection.table_schema, v_collection.table_name));
    IF v_relid = p_relid OR v_relid = pg_partition_root(p_relid) THEN
      v_columns := ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
                          WHERE attrelid = p_relid AND attname = ANY (v_collection.code_columns || v_collection.bound_columns) AND atttypid >= 16384);
      IF v_columns = '{}' OR NOT v_columns && v_collection.bound_columns
                             AND NOT EXISTS (SELECT FROM birthgate.key_columns(p_relid, v_columns) WHERE problem IS NOT NULL) THEN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
          SELECT coalesce(string_agg(format('pg_typeof(n.%I) = %s::oid', attname, atttypid), ' AND '), 'false') INTO v_condition
            FROM pg_catalog.pg_attribute
           WHERE attrelid = p_relid AND attname = ANY (v_collection.code_columns || v_collection.bound_columns) AND NOT attisdropped;
          v_collection.code_expression := 'CASE WHEN ' || v_condition || ' THEN (' || v_collection.code_expression || ')::text END';
          v_collection.bound_expression := 'CASE WHEN ' || v_condition || ' THEN (' || v_collection.bound_expression || ') END';
        END IF;
        RETURN v_collection;
      END IF;
      RAISE EXCEPTION USING ERRCODE = 'PB019',
        MESSAGE = format('the columns %s of %s are no longer of a type that can be governed',
                         array_to_string(v_columns, ', '), p_relid::regclass),
        HINT = 'Give them back the type that they had.';
    END IF;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'PB019',
    MESSAGE = format('%s is not the table of the collection %L', p_relid::regclass, p_collection),
    DETAIL = CASE WHEN v_collection.collection_name IS NULL THEN 'The collection is not known.'
                  ELSE format('The collection''s table is %I.%I.', v_collection.table_schema, v_collection.table_name) END,
    HINT = format('If the table was renamed or moved, run: birthgate collection rearm %s', p_collection);
END
$$;
ALTER FUNCTION birthgate.governed(p_relid oid, p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.guard_delete() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $_$
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
$_$;
ALTER FUNCTION birthgate.guard_delete() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.guard_key() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $_$
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
$_$;
ALTER FUNCTION birthgate.guard_key() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.guard_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
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
ALTER FUNCTION birthgate.guard_truncate() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.handoff_note(p_body jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  RETURN birthgate_evidence.note('handoff', p_body);
END
$$;
ALTER FUNCTION birthgate.handoff_note(p_body jsonb) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.has_own_births(p_collection text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT NOT EXISTS (SELECT FROM birthgate.identity_decision WHERE collection_name = p_collection AND identity <> 'own')
$$;
ALTER FUNCTION birthgate.has_own_births(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.incarnation_set(p_incarnation bigint) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$ UPDATE birthgate.instance SET incarnation = p_incarnation $$;
ALTER FUNCTION birthgate.incarnation_set(p_incarnation bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.is_carried(p_aside regclass) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_is_carried boolean;
BEGIN
  EXECUTE format('SELECT (SELECT (count(*), sum(hashtextextended(b::text, 0)::numeric)) FROM birthgate.birth_registry AS b)
                       = (SELECT (count(*), sum(hashtextextended(b::text, 0)::numeric)) FROM %s AS b)', p_aside) INTO v_is_carried;
  RETURN v_is_carried;
END
$$;
ALTER FUNCTION birthgate.is_carried(p_aside regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.is_copy() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT to_regclass('birthgate.permit_archive_copied') IS NOT NULL
$$;
ALTER FUNCTION birthgate.is_copy() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.is_done(p_idempotency_key text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT p_idempotency_key IS NOT NULL
         AND EXISTS (SELECT FROM birthgate.permits_by_key(ARRAY[p_idempotency_key])
                      WHERE state IN ('CONSUMED', 'FINALIZED'))
$$;
ALTER FUNCTION birthgate.is_done(p_idempotency_key text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.is_lesser(p_role oid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT p_role <> 'birthgate_owner'::regrole AND NOT coalesce((SELECT rolsuper FROM pg_catalog.pg_roles WHERE oid = p_role), false)
$$;
ALTER FUNCTION birthgate.is_lesser(p_role oid) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.keep_plain(p_collection birthgate.collection, p_columns text[], p_fresh boolean DEFAULT true) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_name text := format('%I.%I', p_collection.table_schema, p_collection.table_name);
  v_relid oid := to_regclass(v_name);
  v_condition text;
BEGIN
  IF p_fresh AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025',
      MESSAGE = format('the table of the collection %L is compared in READ COMMITTED alone', p_collection.collection_name),
      DETAIL = 'An older snapshot does not show what the table is like now.',
      HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
  END IF;
  IF v_relid IS NOT NULL THEN
    PERFORM birthgate.keep_table(v_relid);
  END IF;
  v_condition := birthgate.check_plain(p_collection, p_columns);
  -- By now it is a table. LOCK TABLE on a view locks what the view's owner names.
  IF p_fresh AND has_table_privilege(v_relid, 'UPDATE') THEN
    EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', v_name);
    v_condition := birthgate.check_plain(p_collection, p_columns);
  END IF;
  RETURN v_condition;
END
$$;
ALTER FUNCTION birthgate.keep_plain(p_collection birthgate.collection, p_columns text[], p_fresh boolean) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.keep_table(p_relid oid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM table_to_xmlschema(p_relid::regclass, false, false, '');
END
$$;
ALTER FUNCTION birthgate.keep_table(p_relid oid) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.key_columns(p_table regclass, p_columns text[]) RETURNS TABLE(place bigint, name text, attnum smallint, is_not_null boolean, type_name text, as_text text, equals text, problem text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.key_columns(p_table regclass, p_columns text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.names_missing(p_collection text, p_column text, p_names text[]) RETURNS SETOF text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET constraint_exclusion TO 'off'
    AS $_$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
BEGIN
  PERFORM birthgate.keep_plain(v_collection, ARRAY[p_column]);
  RETURN QUERY EXECUTE format('SELECT name FROM unnest($1) AS name EXCEPT SELECT t.%I::text FROM %I.%I AS t',
                              p_column, v_collection.table_schema, v_collection.table_name) USING p_names;
END
$_$;
ALTER FUNCTION birthgate.names_missing(p_collection text, p_column text, p_names text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.observe(p_collection text, p_entity_code text, p_operation text, p_refusal text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  INSERT INTO birthgate.observed (collection_name, entity_code, operation, refusal)
  VALUES (p_collection, p_entity_code, p_operation, p_refusal)
$$;
ALTER FUNCTION birthgate.observe(p_collection text, p_entity_code text, p_operation text, p_refusal text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.own_triggers() RETURNS TABLE(table_name regclass, name name, enabled "char")
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT t.tgrelid::regclass, t.tgname, t.tgenabled
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
   WHERE NOT t.tgisinternal AND (c.relnamespace = 'birthgate'::regnamespace OR t.tgname LIKE 'zz\_birthgate\_%')
   ORDER BY t.tgparentid <> 0, t.tgrelid, t.tgname
$$;
ALTER FUNCTION birthgate.own_triggers() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_archive(p_before timestamp with time zone, p_most bigint DEFAULT 10000) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET "TimeZone" TO 'UTC'
    AS $$
DECLARE
  v_ids bigint[];
  v_month timestamptz;
  v_partition text;
BEGIN
  SELECT array_agg(id) INTO v_ids
    FROM (SELECT id FROM birthgate.birth_admission_permit
           WHERE NOT active AND coalesce(finalized_at, ended_at) < p_before
           LIMIT p_most FOR UPDATE SKIP LOCKED) AS closed;
  FOR v_month IN
    SELECT DISTINCT date_trunc('month', coalesce(finalized_at, ended_at))
      FROM birthgate.birth_admission_permit WHERE id = ANY (v_ids)
  LOOP
    v_partition := to_char(v_month, '"permit_archive_"YYYY_MM');
    IF to_regclass(format('birthgate.%I', v_partition)) IS NULL
       AND (SELECT partdefid FROM pg_partitioned_table WHERE partrelid = 'birthgate.permit_archive'::regclass) = 0 THEN
      EXECUTE format('CREATE TABLE birthgate.%I PARTITION OF birthgate.permit_archive FOR VALUES FROM (%L) TO (%L)',
                     v_partition, v_month, v_month + interval '1 month');
    END IF;
  END LOOP;
  INSERT INTO birthgate.permit_archive
  SELECT p.*, coalesce(p.finalized_at, p.ended_at) FROM birthgate.birth_admission_permit p WHERE p.id = ANY (v_ids);
  DELETE FROM birthgate.birth_admission_permit WHERE id = ANY (v_ids);
  RETURN coalesce(cardinality(v_ids), 0);
END
$$;
ALTER FUNCTION birthgate.permit_archive(p_before timestamp with time zone, p_most bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_cancel(p_id bigint, p_why text DEFAULT NULL::text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT birthgate.permit_end(p_id, 'CANCELLED', p_why) $$;
ALTER FUNCTION birthgate.permit_cancel(p_id bigint, p_why text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_end(p_id bigint, p_to text, p_why text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  IF p_to NOT IN ('CANCELLED', 'FAILED') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('a permit is not ended as %L', p_to),
      HINT = 'Use birthgate.permit_cancel, permit_fail or permit_expire.';
  END IF;
  UPDATE birthgate.birth_admission_permit p SET state = p_to, ended_at = clock_timestamp(), ended_why = p_why
   WHERE p.id = p_id AND p.state IN ('REQUESTED', 'RESERVED')
     AND (p.requester = session_user OR birthgate.acts_as(session_user, p.holder)
          OR birthgate.acts_as(session_user, 'birthgate_registrar'));
  IF NOT FOUND THEN
    PERFORM birthgate.refuse_transition(ARRAY[p_id], p_to);
  END IF;
END
$$;
ALTER FUNCTION birthgate.permit_end(p_id bigint, p_to text, p_why text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_expire(p_most bigint DEFAULT 10000) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_expired bigint;
BEGIN
  UPDATE birthgate.birth_admission_permit SET state = 'EXPIRED', ended_at = v_now
   WHERE id IN (SELECT id FROM birthgate.birth_admission_permit
                 WHERE active AND state IN ('REQUESTED', 'RESERVED') AND expires_at <= v_now
                 LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_expired = ROW_COUNT;
  RETURN v_expired;
END
$$;
ALTER FUNCTION birthgate.permit_expire(p_most bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_fail(p_id bigint, p_why text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT birthgate.permit_end(p_id, 'FAILED', p_why) $$;
ALTER FUNCTION birthgate.permit_fail(p_id bigint, p_why text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_guard() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF current_user <> 'birthgate_owner' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB012',
      MESSAGE = format('%s on birthgate.birth_admission_permit is refused', TG_OP),
      DETAIL = format('Only Birthgate''s own functions write permits; the role here is %I.', current_user),
      HINT = 'Use the functions birthgate.permit_request, permit_reserve, permit_cancel.';
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'PB011',
    MESSAGE = CASE TG_OP WHEN 'INSERT' THEN format('a permit begins as REQUESTED, not as %s', NEW.state)
                         ELSE format('permit %s cannot go from %s to %s', OLD.id, OLD.state, NEW.state) END,
    DETAIL = 'REQUESTED to RESERVED to CONSUMED to FINALIZED; REQUESTED or RESERVED to CANCELLED, EXPIRED or FAILED. What a permit is for never changes.',
    HINT = 'Request a new permit.';
END
$$;
ALTER FUNCTION birthgate.permit_guard() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_guard_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF current_user = 'birthgate_owner' AND EXISTS (SELECT FROM birthgate.permit_archive WHERE id = OLD.id) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION USING ERRCODE = CASE current_user WHEN 'birthgate_owner' THEN 'PB011' ELSE 'PB012' END,
    MESSAGE = format('permit %s is evidence and is not deleted', OLD.id),
    DETAIL = format('Permits that ended are moved to the archive; the role here is %I.', current_user),
    HINT = 'birthgate permit archive moves them.';
END
$$;
ALTER FUNCTION birthgate.permit_guard_delete() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_hold(p_collection text, p_entity_code text, p_kind text DEFAULT 'birth'::text, p_idempotency_key text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_id bigint := birthgate.permit_request(p_collection, p_entity_code, p_kind, p_idempotency_key);
  v_reserved boolean := birthgate.permit_reserve_many(ARRAY[v_id]);
BEGIN
  RETURN v_id;
END
$$;
ALTER FUNCTION birthgate.permit_hold(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_is_spendable(p_state text, p_expires_at timestamp with time zone, p_holder text, p_login name, p_now timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN ((p_state = 'RESERVED'::text) AND (p_expires_at > p_now) AND ((p_holder = p_login) OR birthgate.acts_as(p_login, p_holder)));
ALTER FUNCTION birthgate.permit_is_spendable(p_state text, p_expires_at timestamp with time zone, p_holder text, p_login name, p_now timestamp with time zone) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_problem(p_collection text, p_entity_code text, p_kinds text[], p_login name, p_now timestamp with time zone, OUT code text, OUT message text, OUT detail text, OUT hint text) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_kind text := p_kinds[1];
  v_permit birthgate.birth_admission_permit;
BEGIN
  message := format('no permit for the %s of %L in the collection %L', v_kind, p_entity_code, p_collection);
  hint := format('Request and reserve one first: SELECT birthgate.permit_hold(%L, %L%s)', p_collection, p_entity_code,
                 CASE v_kind WHEN 'birth' THEN '' ELSE format(', %L', v_kind) END);
  SELECT * INTO v_permit FROM birthgate.birth_admission_permit
   WHERE collection_name = p_collection AND entity_code = p_entity_code AND active;
  IF NOT FOUND THEN
    code := 'PB001';
    detail := 'There is no active permit for this entity.';
  ELSIF v_permit.kind <> ALL (p_kinds) THEN
    code := 'PB001';
    detail := format('The active permit %s is for another act: %s.', v_permit.id, v_permit.kind);
    hint := format('Spend it, or cancel it: SELECT birthgate.permit_cancel(%s)', v_permit.id);
  ELSIF v_permit.state = 'REQUESTED' AND v_permit.expires_at > p_now THEN
    code := 'PB001';
    detail := format('Permit %s is REQUESTED, not RESERVED.', v_permit.id);
    hint := format('Reserve it: SELECT birthgate.permit_reserve(%s)', v_permit.id);
  ELSIF v_permit.state = 'CONSUMED' THEN
    code := 'PB001';
    detail := format('Permit %s is CONSUMED already: a permit is for one use.', v_permit.id);
  ELSIF v_permit.expires_at <= p_now THEN
    code := 'PB002';
    detail := format('Permit %s expired at %s.', v_permit.id, v_permit.expires_at);
  ELSE
    code := 'PB003';
    detail := format('Permit %s belongs to %I; the login is %I.', v_permit.id, v_permit.holder, p_login);
    hint := 'Insert as the login that holds the permit, or have one requested for this role.';
  END IF;
END
$$;
ALTER FUNCTION birthgate.permit_problem(p_collection text, p_entity_code text, p_kinds text[], p_login name, p_now timestamp with time zone, OUT code text, OUT message text, OUT detail text, OUT hint text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_request(p_collection text, p_entity_code text, p_kind text DEFAULT 'birth'::text, p_idempotency_key text DEFAULT NULL::text, p_ttl interval DEFAULT NULL::interval, p_holder text DEFAULT NULL::text, p_break_glass text DEFAULT NULL::text, p_from_entity_code text DEFAULT NULL::text, p_row_hash bytea DEFAULT NULL::bytea) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN (birthgate.permit_request_many(p_collection, ARRAY[p_entity_code], p_kind,
            CASE WHEN p_idempotency_key IS NOT NULL THEN ARRAY[p_idempotency_key] END,
            p_ttl, p_holder, p_break_glass,
            CASE WHEN p_from_entity_code IS NOT NULL THEN ARRAY[p_from_entity_code] END,
            CASE WHEN p_row_hash IS NOT NULL THEN ARRAY[p_row_hash] END))[1];
END
$$;
ALTER FUNCTION birthgate.permit_request(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_ttl interval, p_holder text, p_break_glass text, p_from_entity_code text, p_row_hash bytea) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_request_many(p_collection text, p_entity_codes text[], p_kind text DEFAULT 'birth'::text, p_idempotency_keys text[] DEFAULT NULL::text[], p_ttl interval DEFAULT NULL::interval, p_holder text DEFAULT NULL::text, p_break_glass text DEFAULT NULL::text, p_from_entity_codes text[] DEFAULT NULL::text[], p_row_hashes bytea[] DEFAULT NULL::bytea[]) RETURNS bigint[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
  v_collection birthgate.collection;
  v_now timestamptz := clock_timestamp();
  v_holder text := coalesce(p_holder, session_user);
  v_ttl interval;
  v_checked boolean;
  v_ids bigint[];
  v_known record;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  v_ttl := coalesce(p_ttl, CASE WHEN p_break_glass IS NULL THEN v_collection.permit_ttl
                                ELSE least(v_collection.permit_ttl, '15 minutes') END);
  IF NOT FOUND OR (p_kind = 'birth' AND v_collection.mode NOT IN ('observe', 'enforce')) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018',
      MESSAGE = format('no gate stands on the collection %L', p_collection),
      DETAIL = format('Its mode is %s.', coalesce(v_collection.mode, 'unknown: no such collection')),
      HINT = 'birthgate collection list shows the collections; birthgate collection govern sets the gate.';
  END IF;
  IF p_kind NOT IN ('birth', 'retire', 'rename', 'discard') OR (p_kind = 'rename') <> (p_from_entity_codes IS NOT NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('a permit of the kind %L cannot be requested so', p_kind),
      DETAIL = 'The kinds are birth, retire, discard, and rename, which alone names the code that it ends.',
      HINT = 'SELECT birthgate.rename(collection, from, to), or permit_request(…, p_from_entity_code => …)';
  END IF;
  IF p_idempotency_keys IS NOT NULL THEN
    IF cardinality(p_idempotency_keys) <> cardinality(p_entity_codes) THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025',
        MESSAGE = format('%s codes, but %s idempotency keys', cardinality(p_entity_codes), cardinality(p_idempotency_keys)),
        HINT = 'Give one key for each code, or none.';
    END IF;
    SELECT array_agg(p.id ORDER BY n.ord),
           count(*) FILTER (WHERE (p.kind, p.collection_name, p.holder) <> (p_kind, p_collection, v_holder)
                                  OR (n.entity_code IS NOT NULL AND p.entity_code IS DISTINCT FROM n.entity_code)
                                  OR p.from_entity_code IS DISTINCT FROM n.from_entity_code
                                  OR p.row_hash IS DISTINCT FROM n.row_hash) AS other,
           min(n.key) AS key
      INTO v_known
      FROM unnest(p_entity_codes, p_idempotency_keys, p_from_entity_codes, p_row_hashes)
             WITH ORDINALITY AS n(entity_code, key, from_entity_code, row_hash, ord),
           LATERAL (SELECT id, kind, collection_name, holder, entity_code, from_entity_code, row_hash
                      FROM birthgate.every_permit
                     WHERE idempotency_key = n.key AND requester = session_user COLLATE "default" OFFSET 0) AS p;
    IF v_known.other > 0 THEN
      RAISE EXCEPTION USING ERRCODE = 'PB013',
        MESSAGE = format('the idempotency key %L was used for another request', v_known.key),
        DETAIL = 'The same key must come with the same kind, collection, entity code and holder.',
        HINT = 'Use a new key for a new request.';
    ELSIF cardinality(v_known.array_agg) = cardinality(p_entity_codes) THEN
      RETURN v_known.array_agg;
    ELSIF cardinality(v_known.array_agg) > 0 THEN
      RAISE EXCEPTION USING ERRCODE = 'PB013',
        MESSAGE = format('%s of the %s idempotency keys were used before', cardinality(v_known.array_agg), cardinality(p_entity_codes)),
        HINT = 'Repeat the same batch, or request the new entities alone.';
    END IF;
  END IF;
  v_checked := birthgate.check_grant(p_collection, cardinality(p_entity_codes));
  IF p_kind IN ('birth', 'rename') THEN
    v_checked := birthgate.check_code_rule(p_collection, p_entity_codes)
                 AND birthgate.check_unborn(p_collection, p_entity_codes);
  END IF;
  IF p_kind = 'rename' THEN
    v_checked := birthgate.check_born(p_collection, p_from_entity_codes);
  END IF;
  IF array_position(p_entity_codes, NULL) IS NOT NULL AND NOT (p_kind = 'birth' AND v_collection.open_permits) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB004',
      MESSAGE = format('a permit of the collection %L names the entity code', p_collection),
      DETAIL = 'Only a birth permit of a collection with open permits leaves the code to the database.',
      HINT = 'Name the code, or govern the collection with open permits.';
  END IF;
  IF p_holder IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = p_holder) THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('there is no role %L to hold the permit', p_holder),
        HINT = 'Name an existing role, or none to hold it yourself.';
    END IF;
  END IF;
  IF p_break_glass IS NOT NULL THEN
    IF NOT birthgate.acts_as(session_user, 'birthgate_breakglass') THEN
      RAISE EXCEPTION USING ERRCODE = 'PB016',
        MESSAGE = format('%I may not break the glass', session_user),
        DETAIL = 'An emergency admission needs the role birthgate_breakglass.',
        HINT = 'GRANT birthgate_breakglass TO … , or clear the dimensions: birthgate block list';
    ELSIF length(btrim(p_break_glass)) < 10 OR v_ttl > interval '15 minutes' THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025',
        MESSAGE = 'an emergency admission needs a reason of 10 characters and lasts at most 15 minutes',
        HINT = 'Say why, and ask for a shorter time.';
    END IF;
  END IF;
  FOR v_attempt IN 1..2 LOOP
    IF cardinality(p_entity_codes) = 1 THEN
      -- Without a subtransaction: many single requests in one transaction would overflow everybody's snapshots.
      INSERT INTO birthgate.birth_admission_permit
             (kind, state, collection_name, entity_code, from_entity_code, row_hash, requester, holder,
              idempotency_key, break_glass, requested_at, expires_at)
      VALUES (p_kind, 'REQUESTED', p_collection, p_entity_codes[1], p_from_entity_codes[1], p_row_hashes[1],
              session_user, v_holder, p_idempotency_keys[1], p_break_glass, v_now, v_now + v_ttl)
      ON CONFLICT DO NOTHING
      RETURNING ARRAY[id] INTO v_ids;
    ELSE
      -- ON CONFLICT would cost half as much again for each row of a batch.
      BEGIN
        WITH requested AS (
          INSERT INTO birthgate.birth_admission_permit
                 (kind, state, collection_name, entity_code, from_entity_code, row_hash, requester, holder,
                  idempotency_key, break_glass, requested_at, expires_at)
          SELECT p_kind, 'REQUESTED', p_collection, n.entity_code, n.from_entity_code, n.row_hash,
                 session_user, v_holder, n.key, p_break_glass, v_now, v_now + v_ttl
            FROM unnest(p_entity_codes, p_idempotency_keys, p_from_entity_codes, p_row_hashes)
                   AS n(entity_code, key, from_entity_code, row_hash)
          RETURNING id)
        SELECT array_agg(id) INTO v_ids FROM requested;
      EXCEPTION WHEN unique_violation THEN
        v_ids := NULL;
      END;
    END IF;
    IF v_ids IS NOT NULL THEN
      IF p_break_glass IS NOT NULL AND coalesce(has_schema_privilege(to_regnamespace('birthgate_evidence'), 'USAGE'), false) THEN
        PERFORM birthgate_evidence.note('break-glass',
          jsonb_build_object('collection', p_collection, 'permits', v_ids, 'kind', p_kind, 'reason', p_break_glass));
      END IF;
      RETURN v_ids;
    END IF;
    -- An entity has an active permit: an overdue one makes room, and with another there is no second attempt.
    PERFORM birthgate.clear_overdue(p_collection, p_entity_codes);
  END LOOP;
  RAISE EXCEPTION USING ERRCODE = 'PB014',
    MESSAGE = format('the permits in the collection %L could not be requested', p_collection),
    DETAIL = 'An entity or a key was taken at the same moment, or stands twice in the request.',
    HINT = 'Ask again.';
END
$$;
ALTER FUNCTION birthgate.permit_request_many(p_collection text, p_entity_codes text[], p_kind text, p_idempotency_keys text[], p_ttl interval, p_holder text, p_break_glass text, p_from_entity_codes text[], p_row_hashes bytea[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_request_row(p_collection text, p_row jsonb, p_idempotency_key text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_row_hash bytea;
BEGIN
  IF v_collection.bound_expression IS NULL OR NOT p_row ?& v_collection.bound_columns THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('the row gives nothing to bind a permit of the collection %L to', p_collection),
      DETAIL = coalesce('The bound columns are ' || nullif(array_to_string(v_collection.bound_columns, ', '), ''), 'It has no bound columns.'),
      HINT = 'Give each of them, or request a permit for the code alone: permit_request.';
  END IF;
  EXECUTE format('SELECT %s FROM (SELECT %s) AS n', v_collection.bound_expression,
                 birthgate.columns_of_json(v_collection, v_collection.bound_columns)) INTO v_row_hash USING p_row;
  RETURN birthgate.permit_request(p_collection, birthgate.entity_code(p_collection, p_row), 'birth', p_idempotency_key,
                                  p_row_hash => v_row_hash);
END
$$;
ALTER FUNCTION birthgate.permit_request_row(p_collection text, p_row jsonb, p_idempotency_key text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_reserve(p_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN birthgate.permit_reserve_many(ARRAY[p_id]);
END
$$;
ALTER FUNCTION birthgate.permit_reserve(p_id bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permit_reserve_many(p_ids bigint[]) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET jit TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_checked boolean;
  v_reserved bigint := 0;
  v_of record;
BEGIN
  FOR v_of IN
    WITH reserved AS (
      UPDATE birthgate.birth_admission_permit p SET state = 'RESERVED', reserved_at = v_now
       WHERE p.id = ANY (p_ids) AND p.state = 'REQUESTED' AND p.expires_at > v_now + interval '1 second'
         AND (p.requester = session_user OR birthgate.acts_as(session_user, p.holder))
      RETURNING p.collection_name, p.kind, p.break_glass IS NOT NULL AS break_glass)
    SELECT collection_name, kind, break_glass, count(*) AS permits FROM reserved GROUP BY 1, 2, 3
  LOOP
    v_checked := birthgate.check_stops(v_of.collection_name, v_of.kind, v_of.break_glass);
    v_reserved := v_reserved + v_of.permits;
  END LOOP;
  IF v_reserved <> cardinality(p_ids) THEN
    PERFORM birthgate.refuse_transition(p_ids, 'RESERVED');
  END IF;
  RETURN true;
END
$$;
ALTER FUNCTION birthgate.permit_reserve_many(p_ids bigint[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.permits_by_key(p_idempotency_keys text[]) RETURNS TABLE(idempotency_key text, id bigint, state text, collection_name text, entity_code text, finalized_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
  SELECT p.*
    FROM unnest(p_idempotency_keys) AS n(key),
         LATERAL (SELECT idempotency_key, id, state, collection_name, entity_code, finalized_at
                    FROM birthgate.every_permit
                   WHERE idempotency_key = n.key AND requester = session_user COLLATE "default" OFFSET 0) AS p
$$;
ALTER FUNCTION birthgate.permits_by_key(p_idempotency_keys text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.promote_plan() RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_subscriptions text := (SELECT string_agg(quote_ident(subname), ', ' ORDER BY subname) FROM pg_catalog.pg_subscription
                            WHERE subenabled AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()));
BEGIN
  IF NOT birthgate.is_copy() THEN
    RAISE EXCEPTION USING ERRCODE = 'PB026', MESSAGE = 'this database is not a copy',
      DETAIL = 'Its gates fire for everybody already.', HINT = 'birthgate collection list shows what is missing of a gate, if anything is.';
  ELSIF v_subscriptions IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'PB026', MESSAGE = format('the subscription %s still writes this copy', v_subscriptions),
      DETAIL = 'The first birth that it brought would be refused by the gate, and the apply would stop for good.',
      HINT = format('End it first: ALTER SUBSCRIPTION %s DISABLE', split_part(v_subscriptions, ', ', 1));
  ELSIF NOT EXISTS (SELECT FROM birthgate.instance) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB026', MESSAGE = 'this copy has not received birthgate.instance',
      DETAIL = 'Without the publisher''s rows of birthgate.* no birth here can be judged.',
      HINT = 'Publish the schema birthgate as well, and let the subscription finish.';
  END IF;
  RETURN QUERY SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', table_name, name) FROM birthgate.own_triggers();
  RETURN QUERY SELECT s FROM birthgate.collection c, birthgate.rearm_plan(c.collection_name) AS s WHERE c.form IS NOT NULL;
  RETURN QUERY
    SELECT format('SELECT setval(%L, coalesce(max(%I), 0) + 1, false) FROM %s', s.sequence, a.attname, c.oid::regclass)
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence) AS s
     WHERE c.relkind IN ('r', 'p') AND s.sequence IS NOT NULL
       AND (c.relnamespace = 'birthgate'::regnamespace OR c.oid = birthgate.registry_table());
  RETURN NEXT 'ALTER TABLE birthgate.permit_archive_copied RENAME TO permit_archive_default';
END
$$;
ALTER FUNCTION birthgate.promote_plan() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.prospects(p_collection text, p_entity_codes text[], p_idempotency_keys text[]) RETURNS TABLE(place bigint, entity_code text, idempotency_key text, permit_id bigint, finalized_at timestamp with time zone, admissible boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
  SELECT n.place, n.code, n.key, p.id, p.finalized_at,
         p.id IS NULL AND n.occurrence = 1 AND n.code <> '' AND (r.pattern IS NULL OR n.code ~ r.pattern)
         AND NOT EXISTS (SELECT FROM birthgate.birth_registry b WHERE b.entity_code = n.code
                            AND (b.collection_name = p_collection OR birthgate.registry_key_is_single()))
         AND NOT EXISTS (SELECT FROM birthgate.birth_admission_permit a
                          WHERE a.entity_code = n.code AND a.collection_name = p_collection AND a.active)
    FROM (SELECT code, key, place, row_number() OVER (PARTITION BY code ORDER BY place) AS occurrence
            FROM unnest(p_entity_codes, p_idempotency_keys) WITH ORDINALITY AS c(code, key, place)) AS n
    LEFT JOIN birthgate.code_rule r ON r.collection_name = p_collection
    LEFT JOIN LATERAL (SELECT id, finalized_at FROM birthgate.every_permit
                        WHERE idempotency_key = n.key AND requester = session_user COLLATE "default" OFFSET 0) AS p ON true
$$;
ALTER FUNCTION birthgate.prospects(p_collection text, p_entity_codes text[], p_idempotency_keys text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.rearm_plan(p_collection text, p_table regclass DEFAULT NULL::regclass, p_mode text DEFAULT NULL::text) RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.rearm_plan(p_collection text, p_table regclass, p_mode text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.reconcile_permits(p_collection text) RETURNS TABLE(collection_name text, finding text, count bigint, examples text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET jit TO 'off'
    SET work_mem TO '64MB'
    AS $$
  WITH found AS (
    SELECT 'birth without its permit' AS finding, b.collection_name, b.entity_code FROM birthgate.birth_registry b
     WHERE b.permit_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM birthgate.every_permit p WHERE p.id = b.permit_id AND p.state = 'FINALIZED' AND p.kind IN ('birth', 'rename')
                              AND p.entity_code = b.entity_code AND p.collection_name = b.collection_name)
     UNION ALL
    SELECT 'retirement without its permit', b.collection_name, b.entity_code FROM birthgate.birth_registry b
     WHERE b.retire_permit_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM birthgate.every_permit p WHERE p.id = b.retire_permit_id AND p.state = 'FINALIZED' AND p.collection_name = b.collection_name
          AND CASE p.kind WHEN 'retire' THEN p.entity_code WHEN 'rename' THEN p.from_entity_code END = b.entity_code)
     UNION ALL
    SELECT 'permit without its birth', p.collection_name, p.entity_code FROM birthgate.every_permit p
     WHERE p.state = 'FINALIZED' AND p.kind IN ('birth', 'rename')
       AND NOT EXISTS (SELECT FROM birthgate.birth_registry b WHERE b.permit_id = p.id)
     UNION ALL
    SELECT 'permit without its retirement', p.collection_name, p.entity_code FROM birthgate.every_permit p
     WHERE p.state = 'FINALIZED' AND p.kind IN ('retire', 'rename')
       AND NOT EXISTS (SELECT FROM birthgate.birth_registry b WHERE b.retire_permit_id = p.id)
     UNION ALL
    SELECT 'permit consumed and not finalized', p.collection_name, p.entity_code FROM birthgate.every_permit p WHERE p.state = 'CONSUMED'
     UNION ALL
    SELECT 'birth not finalized', b.collection_name, b.entity_code FROM birthgate.birth_registry b
     WHERE b.permit_id IS NOT NULL AND b.status = 'born')
  SELECT f.collection_name, f.finding, count(*), (array_agg(f.entity_code))[1:5] FROM found f
   WHERE p_collection IS NULL OR f.collection_name = p_collection GROUP BY f.collection_name, f.finding
$$;
ALTER FUNCTION birthgate.reconcile_permits(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.reconcile_rows(p_collection text) RETURNS TABLE(finding text, count bigint, examples text[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_problem text;
BEGIN
  BEGIN
    PERFORM birthgate.keep_plain(v_collection, v_collection.code_columns);
  EXCEPTION WHEN SQLSTATE 'PB019' THEN
    GET STACKED DIAGNOSTICS v_problem = MESSAGE_TEXT;
    RETURN QUERY SELECT 'unreadable', 1::bigint, ARRAY[v_problem];
    RETURN;
  END;
  RETURN QUERY SELECT * FROM birthgate_look.reconcile_rows(v_collection);
END
$$;
ALTER FUNCTION birthgate.reconcile_rows(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.refuse_direct_write() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'PB012',
    MESSAGE = format('%s on %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
    DETAIL = format('Only Birthgate''s own functions write it; the role here is %I.', current_user),
    HINT = 'Use Birthgate''s functions, or act as birthgate_owner.';
END
$$;
ALTER FUNCTION birthgate.refuse_direct_write() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.refuse_transition(p_ids bigint[], p_to text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_id bigint;
  v_permit birthgate.birth_admission_permit;
BEGIN
  FOREACH v_id IN ARRAY p_ids LOOP
    SELECT * INTO v_permit FROM birthgate.birth_admission_permit WHERE id = v_id;
    IF v_permit.id IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'PB024', MESSAGE = format('there is no permit %s', v_id),
        HINT = 'birthgate permit list shows the permits.';
    ELSIF NOT (v_permit.requester = session_user OR birthgate.acts_as(session_user, v_permit.holder)
               OR birthgate.acts_as(session_user, 'birthgate_registrar')) THEN
      RAISE EXCEPTION USING ERRCODE = 'PB003',
        MESSAGE = format('permit %s belongs to %I; the login is %I', v_id, v_permit.holder, session_user),
        HINT = 'Act as the login that requested or holds the permit.';
    ELSIF v_permit.state IN ('REQUESTED', 'RESERVED') AND v_permit.expires_at <= v_now + interval '1 second' THEN
      RAISE EXCEPTION USING ERRCODE = 'PB002',
        MESSAGE = format('permit %s is overdue: it expires at %s', v_id, v_permit.expires_at),
        HINT = 'Request a new permit.';
    ELSIF v_permit.state <> p_to THEN
      RAISE EXCEPTION USING ERRCODE = 'PB011',
        MESSAGE = format('permit %s cannot go from %s to %s', v_id, v_permit.state, p_to),
        HINT = 'Request a new permit.';
    END IF;
  END LOOP;
END
$$;
ALTER FUNCTION birthgate.refuse_transition(p_ids bigint[], p_to text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.refuse_unpermitted(p_collection text, p_entity_codes text[], p_kinds text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_problem record;
BEGIN
  SELECT p.* INTO v_problem
    FROM unnest(p_entity_codes) AS c(entity_code),
         birthgate.permit_problem(p_collection, c.entity_code, p_kinds, session_user, v_now) AS p LIMIT 1;
  RAISE EXCEPTION USING ERRCODE = v_problem.code, MESSAGE = v_problem.message,
    DETAIL = v_problem.detail, HINT = v_problem.hint;
END
$$;
ALTER FUNCTION birthgate.refuse_unpermitted(p_collection text, p_entity_codes text[], p_kinds text[]) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.register(p_collection text, p_row jsonb, p_idempotency_key text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF NOT birthgate.acts_as(session_user, 'birthgate_registrar') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016', MESSAGE = format('%I is no registrar', session_user),
      DETAIL = 'Registering what was found outside needs the role birthgate_registrar.',
      HINT = format('GRANT birthgate_registrar TO %I', session_user);
  END IF;
  RETURN birthgate.admit(p_collection, p_row, p_idempotency_key);
END
$$;
ALTER FUNCTION birthgate.register(p_collection text, p_row jsonb, p_idempotency_key text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_drop_unpartitioned() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  LOCK TABLE birthgate.birth_registry, birthgate.birth_registry_unpartitioned IN ACCESS EXCLUSIVE MODE;
  DROP TRIGGER zz_birthgate_birth_carry ON birthgate.birth_registry;
  DROP TABLE birthgate.birth_registry_unpartitioned;
END
$$;
ALTER FUNCTION birthgate.registry_drop_unpartitioned() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_exchange(p_aside text, p_becomes text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_index name;
  v_each regclass;
BEGIN
  LOCK TABLE birthgate.birth_registry IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('LOCK TABLE birthgate.%I IN ACCESS EXCLUSIVE MODE', p_aside);
  PERFORM birthgate.copy_grants('birthgate.birth_registry', format('birthgate.%I', p_aside)::regclass);
  DROP TRIGGER zz_birthgate_birth_carry ON birthgate.birth_registry;
  EXECUTE format('DROP TRIGGER direct_write_guard ON birthgate.%I', p_aside);
  EXECUTE format('ALTER TABLE birthgate.%I ENABLE ALWAYS TRIGGER zz_birthgate_birth_bound', p_aside);
  FOR v_each IN SELECT birthgate.with_partitions(p_aside) LOOP
    EXECUTE format('DROP TRIGGER direct_truncate_guard ON %s', v_each);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER zz_birthgate_birth_truncate', v_each);
  END LOOP;
  -- The gate may have been rearmed meanwhile.
  EXECUTE format('ALTER TABLE birthgate.%I ALTER incarnation %s', p_aside, coalesce((
    SELECT 'SET DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
      FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
     WHERE d.adrelid = 'birthgate.birth_registry'::regclass AND a.attname = 'incarnation'), 'DROP DEFAULT'));
  FOR v_index IN SELECT relname FROM pg_catalog.pg_class WHERE oid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = 'birthgate.birth_registry'::regclass) LOOP
    EXECUTE format('ALTER INDEX birthgate.%I RENAME TO %I', v_index, p_becomes || substr(v_index, length('birth_registry') + 1));
  END LOOP;
  FOR v_index IN SELECT relname FROM pg_catalog.pg_class WHERE oid IN (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = format('birthgate.%I', p_aside)::regclass) LOOP
    EXECUTE format('ALTER INDEX birthgate.%I RENAME TO %I', v_index, 'birth_registry' || substr(v_index, length(p_aside) + 1));
  END LOOP;
  EXECUTE format('ALTER TABLE birthgate.birth_registry RENAME TO %I', p_becomes);
  EXECUTE format('ALTER TABLE birthgate.%I RENAME TO birth_registry', p_aside);
  PERFORM birthgate.carry_to(p_becomes);
END
$$;
ALTER FUNCTION birthgate.registry_exchange(p_aside text, p_becomes text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_guard_plan(p_schema text, p_table text) RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;
ALTER FUNCTION birthgate.registry_guard_plan(p_schema text, p_table text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_key_is_single() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (
    SELECT FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = birthgate.registry_table() AND i.indisunique AND i.indnkeyatts = 1
       AND i.indpred IS NULL AND a.attname = 'entity_code')
$$;
ALTER FUNCTION birthgate.registry_key_is_single() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_partition(p_partitions integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_findings text;
  v_statement text;
BEGIN
  LOCK TABLE birthgate.birth_registry IN ACCESS EXCLUSIVE MODE;
  SELECT string_agg(f, '; ') INTO v_findings FROM birthgate.registry_partition_findings() AS f;
  IF v_findings IS NOT NULL OR p_partitions NOT BETWEEN 2 AND 256 THEN
    RAISE EXCEPTION USING ERRCODE = 'PB020', MESSAGE = 'the registry cannot be partitioned',
      DETAIL = coalesce(v_findings, format('%s partitions are asked for.', p_partitions)),
      HINT = 'birthgate registry partition says what to do about it; between 2 and 256 partitions make sense.';
  END IF;
  CREATE TABLE birthgate.birth_registry_partitioned (
    LIKE birthgate.birth_registry INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS
  ) PARTITION BY HASH (entity_code);
  -- Before PostgreSQL 17 no partitioned table has an identity. One sequence serves both tables, so that ids go on where they were.
  CREATE SEQUENCE birthgate.birth_registry_ids OWNED BY birthgate.birth_registry_partitioned.id;
  EXECUTE format('SELECT setval(''birthgate.birth_registry_ids'', last_value, is_called) FROM %s', pg_get_serial_sequence('birthgate.birth_registry', 'id'));
  ALTER TABLE birthgate.birth_registry ALTER id DROP IDENTITY;
  ALTER TABLE birthgate.birth_registry ALTER id SET DEFAULT nextval('birthgate.birth_registry_ids');
  ALTER TABLE birthgate.birth_registry_partitioned
    ALTER id SET DEFAULT nextval('birthgate.birth_registry_ids'),
    ADD PRIMARY KEY (id, entity_code),
    ADD UNIQUE (entity_code, collection_name);
  CREATE UNIQUE INDEX birth_registry_partitioned_permit_key
    ON birthgate.birth_registry_partitioned (permit_id, entity_code) WHERE permit_id IS NOT NULL;
  CREATE UNIQUE INDEX birth_registry_partitioned_retire_permit_key
    ON birthgate.birth_registry_partitioned (retire_permit_id, entity_code) WHERE retire_permit_id IS NOT NULL;
  FOR v_remainder IN 0..p_partitions - 1 LOOP
    EXECUTE format('CREATE TABLE birthgate.birth_registry_%s PARTITION OF birthgate.birth_registry_partitioned
                      FOR VALUES WITH (MODULUS %s, REMAINDER %s) WITH (fillfactor = 40)', v_remainder, p_partitions, v_remainder);
  END LOOP;
  FOR v_statement IN SELECT birthgate.registry_guard_plan('birthgate', 'birth_registry_partitioned') LOOP
    EXECUTE v_statement;
  END LOOP;
  PERFORM birthgate.copy_grants('birthgate.birth_registry', 'birthgate.birth_registry_partitioned');
  PERFORM birthgate.carry_to('birth_registry_partitioned');
END
$$;
ALTER FUNCTION birthgate.registry_partition(p_partitions integer) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_partition_findings() RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH registry AS (SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = to_regclass('birthgate.birth_registry'))
  SELECT format('the registry is the adopted table %I.%I, which others write and refer to: partition it as its owner', registry_schema, registry_table)
    FROM birthgate.instance WHERE registry_table IS NOT NULL
   UNION ALL
  SELECT 'the registry is partitioned already' FROM registry WHERE relkind = 'p'
   UNION ALL
  SELECT format('%s is there: an earlier partitioning has not ended; apply its packet on, or undo it', name)
    FROM unnest(ARRAY['birthgate.birth_registry_partitioned', 'birthgate.birth_registry_unpartitioned']) AS name WHERE to_regclass(name) IS NOT NULL
   UNION ALL
  SELECT 'this database is a copy, which a subscription writes: partition the publisher''s registry' WHERE birthgate.is_copy()
   UNION ALL
  -- By now it is known to be the table; all of this would stay with the old one.
  SELECT format('the view %s stands on it and would go on to show the old table: drop it, and make it again afterwards', r.ev_class::regclass)
    FROM registry c JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE c.relkind = 'r' AND r.ev_class <> c.oid GROUP BY r.ev_class
   UNION ALL
  SELECT format('the rule %I stands on it: drop it', r.rulename) FROM registry c JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid WHERE c.relkind = 'r'
   UNION ALL
  SELECT format('the foreign key %I of %s points to it: drop it', k.conname, k.conrelid::regclass)
    FROM registry c JOIN pg_catalog.pg_constraint k ON k.confrelid = c.oid
   UNION ALL
  SELECT format('the trigger %I stands on it, which is not Birthgate''s: drop it, and make it again afterwards', t.tgname)
    FROM registry c JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid WHERE c.relkind = 'r' AND NOT t.tgisinternal AND t.tgname NOT LIKE 'zz\_birthgate\_birth\_%'
   UNION ALL
  SELECT format('the index %s stands on it, which is not Birthgate''s: drop it, and make it again afterwards', i.indexrelid::regclass)
    FROM registry c JOIN pg_catalog.pg_index i ON i.indrelid = c.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
   WHERE c.relkind = 'r' AND x.relname NOT IN ('birth_registry_pkey', 'birth_registry_entity_code_collection_name_key',
                                               'birth_registry_permit_key', 'birth_registry_retire_permit_key')
   UNION ALL
  -- Be it as one of all tables: what arrives for a partition that a subscriber does not have stops its apply.
  SELECT format('the publication %I publishes it, and its subscribers would not have the partitions: end it, and set the subscribers up anew afterwards', p.pubname)
    FROM registry c JOIN pg_catalog.pg_publication_tables p ON p.schemaname = 'birthgate' AND p.tablename = c.relname WHERE c.relkind = 'r'
   UNION ALL
  SELECT 'it has row level security: take it off' FROM registry WHERE relrowsecurity
   UNION ALL
  SELECT format('the column %I is granted by itself: grant the table, or revoke it', a.attname)
    FROM registry c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE a.attacl IS NOT NULL
   UNION ALL
  SELECT format('%I may insert into it by hand, and could not into partitions, whose ids a sequence gives: revoke that',
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END)
    FROM registry c CROSS JOIN aclexplode(c.relacl) AS a WHERE c.relkind = 'r' AND a.grantee <> c.relowner AND a.privilege_type = 'INSERT'
   UNION ALL
  SELECT format('the table %s inherits from it: end that', i.inhrelid::regclass) FROM registry c JOIN pg_catalog.pg_inherits i ON i.inhparent = c.oid WHERE c.relkind = 'r'
$$;
ALTER FUNCTION birthgate.registry_partition_findings() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_partition_undo() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  LOCK TABLE birthgate.birth_registry, birthgate.birth_registry_partitioned IN ACCESS EXCLUSIVE MODE;
  DROP TRIGGER zz_birthgate_birth_carry ON birthgate.birth_registry;
  ALTER TABLE birthgate.birth_registry ALTER id DROP DEFAULT;
  ALTER TABLE birthgate.birth_registry ALTER id ADD GENERATED BY DEFAULT AS IDENTITY;
  EXECUTE format('SELECT setval(%L, last_value, is_called) FROM birthgate.birth_registry_ids', pg_get_serial_sequence('birthgate.birth_registry', 'id'));
  DROP TABLE birthgate.birth_registry_partitioned;
END
$$;
ALTER FUNCTION birthgate.registry_partition_undo() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.registry_table() RETURNS regclass
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT to_regclass(CASE WHEN registry_table IS NULL THEN 'birthgate.birth_registry'
                          ELSE format('%I.%I', registry_schema, registry_table) END)
    FROM birthgate.instance
$$;
ALTER FUNCTION birthgate.registry_table() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.rename(p_collection text, p_from_entity_code text, p_entity_code text, p_idempotency_key text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  v_collection birthgate.collection := birthgate.collection_of(p_collection);
  v_permit_id bigint;
  v_renamed bigint;
BEGIN
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM birthgate.check_superuser(v_collection);
  END IF;
  v_permit_id := birthgate.permit_request(p_collection, p_entity_code, 'rename', p_idempotency_key,
                                          p_from_entity_code => p_from_entity_code);
  IF birthgate.is_done(p_idempotency_key) THEN
    RETURN v_permit_id;
  END IF;
  PERFORM birthgate.permit_reserve(v_permit_id);
  EXECUTE format('UPDATE %I.%I AS t SET %s WHERE %s', v_collection.table_schema, v_collection.table_name,
            (SELECT string_agg(CASE WHEN cardinality(v_collection.code_columns) = 1 THEN format('%I = $2::%s', c.name, c.type)
                                    ELSE format('%I = ($2::jsonb ->> %s)::%s', c.name, c.place - 1, c.type) END, ', ')
               FROM unnest(v_collection.code_columns, v_collection.code_types) WITH ORDINALITY AS c(name, type, place)),
            v_collection.match_expression) USING ARRAY[p_from_entity_code], p_entity_code;
  GET DIAGNOSTICS v_renamed = ROW_COUNT;
  IF v_renamed = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024',
      MESSAGE = format('%L of the collection %L has no row to rename', p_from_entity_code, p_collection),
      HINT = 'birthgate entity show tells what is known of it.';
  END IF;
  RETURN v_permit_id;
END
$_$;
ALTER FUNCTION birthgate.rename(p_collection text, p_from_entity_code text, p_entity_code text, p_idempotency_key text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.rename_row(p_collection birthgate.collection, p_from text, p_to text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.rename_row(p_collection birthgate.collection, p_from text, p_to text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.replaceable(p_relid oid, p_writing boolean DEFAULT false) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH RECURSIVE relation AS (
    SELECT p_relid AS oid
     UNION
    SELECT i.inhrelid FROM relation r JOIN pg_catalog.pg_inherits i ON i.inhparent = r.oid),
  -- Whatever hangs on the tables and holds expressions. A table's own dependencies are those of its partition key.
  part (classid, objid, what) AS (
    SELECT 'pg_class'::regclass::oid, r.oid, format('the partition key of %s', r.oid::regclass) FROM relation r
     UNION ALL
    SELECT 'pg_class'::regclass, i.indexrelid, format('the index %s', i.indexrelid::regclass)
      FROM relation r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
     UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, format('the statistics %I', s.stxname)
      FROM relation r JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = r.oid
     UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, format('the constraint %I', c.conname)
      FROM relation r JOIN pg_catalog.pg_constraint c ON c.conrelid = r.oid AND p_writing
     UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, format('the default of column %s', d.adnum)
      FROM relation r JOIN pg_catalog.pg_attrdef d ON d.adrelid = r.oid AND p_writing
     UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, format('the trigger %I', t.tgname)
      FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal AND p_writing),
  needs AS (
    SELECT part.what, d.refclassid, d.refobjid
      FROM part JOIN pg_catalog.pg_depend d ON d.classid = part.classid AND d.objid = part.objid AND d.objsubid = 0 AND d.refobjid >= 16384),
  found (what) AS (
    SELECT format('%s is no plain table', r.oid::regclass) FROM relation r JOIN pg_catalog.pg_class c ON c.oid = r.oid WHERE c.relkind NOT IN ('r', 'p')
     UNION ALL
    SELECT format('%s calls %s, which %I can replace', n.what, p.oid::regprocedure, pg_get_userbyid(p.proowner))
      FROM needs n JOIN pg_catalog.pg_proc p ON n.refclassid = 'pg_proc'::regclass AND p.oid = n.refobjid WHERE birthgate.is_lesser(p.proowner)
     UNION ALL
    SELECT format('%s uses the operator %s, which is not the server''s', n.what, o.oid::regoperator)
      FROM needs n JOIN pg_catalog.pg_operator o ON n.refclassid = 'pg_operator'::regclass AND o.oid = n.refobjid
      LEFT JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
     WHERE birthgate.is_lesser(o.oprowner) OR birthgate.is_lesser(p.proowner)
     UNION ALL
    SELECT format('the column %I is of the type %s, which %I can replace', a.attname, t.oid::regtype, pg_get_userbyid(t.typowner))
      FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND p_writing
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.oid >= 16384 AND t.typtype <> 'e' WHERE birthgate.is_lesser(t.typowner)
     UNION ALL
    SELECT format('the rule %I stands on it', w.rulename) FROM relation r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid AND p_writing
     UNION ALL
    SELECT format('%I may set its triggers', CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END)
      FROM relation r JOIN pg_catalog.pg_class c ON c.oid = r.oid AND p_writing CROSS JOIN aclexplode(c.relacl) AS g
     WHERE g.privilege_type = 'TRIGGER' AND g.grantee <> c.relowner AND birthgate.is_lesser(g.grantee))
  SELECT min(what) FROM found
$$;
ALTER FUNCTION birthgate.replaceable(p_relid oid, p_writing boolean) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.retire(p_collection text, p_entity_code text, p_idempotency_key text DEFAULT NULL::text, p_cascade boolean DEFAULT false) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT birthgate.end_entity(p_collection, p_entity_code, 'retire', p_idempotency_key, p_cascade) $$;
ALTER FUNCTION birthgate.retire(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.retire_phantom(p_permit_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  v_permit birthgate.birth_admission_permit;
  v_collection birthgate.collection;
BEGIN
  SELECT * INTO v_permit FROM birthgate.birth_admission_permit WHERE id = p_permit_id;
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = v_permit.collection_name;
  IF v_permit.kind IS DISTINCT FROM 'retire' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024', MESSAGE = format('permit %s is not a retire permit', p_permit_id),
      HINT = 'SELECT birthgate.permit_hold(collection, code, ''retire'')';
  ELSIF birthgate_look.rows_present(v_collection, birthgate.keep_plain(v_collection, v_collection.code_columns, false), ARRAY[v_permit.entity_code]) <> 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'PB008',
      MESSAGE = format('%L of the collection %L is no phantom: its row is there', v_permit.entity_code, v_permit.collection_name),
      HINT = 'Delete the row under the retire permit.';
  ELSIF NOT EXISTS (SELECT FROM birthgate.birth_registry
                     WHERE entity_code = v_permit.entity_code AND collection_name = v_permit.collection_name
                       AND status <> 'retired') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB024',
      MESSAGE = format('%L of the collection %L has no birth to retire', v_permit.entity_code, v_permit.collection_name),
      HINT = 'birthgate entity show tells what is known of it.';
  END IF;
  PERFORM birthgate.retire_row(v_collection, v_permit.entity_code);
END
$$;
ALTER FUNCTION birthgate.retire_phantom(p_permit_id bigint) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.retire_row(p_collection birthgate.collection, p_entity_code text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.retire_row(p_collection birthgate.collection, p_entity_code text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.take_over_plan(p_table regclass) RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.take_over_plan(p_table regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.trigger_fingerprint(p_table regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT encode(sha256(convert_to(coalesce(string_agg(pg_get_triggerdef(oid) || ' ' || tgenabled::text, E'\n'
                                                      ORDER BY tgname COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM pg_catalog.pg_trigger WHERE tgrelid = p_table AND NOT tgisinternal
$$;
ALTER FUNCTION birthgate.trigger_fingerprint(p_table regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.trust(p_table regclass) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.trust(p_table regclass) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.unadopt_changelog_swap() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  DROP VIEW birthgate.registry_changelog;
  ALTER TABLE birthgate.own_registry_changelog RENAME TO registry_changelog;
  UPDATE birthgate.instance SET changelog_schema = NULL, changelog_table = NULL, changelog_owner = NULL;
END
$$;
ALTER FUNCTION birthgate.unadopt_changelog_swap() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.unadopt_plan() RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.unadopt_plan() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.unadopt_registry_swap() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  DROP VIEW birthgate.birth_registry;
  ALTER TABLE birthgate.own_birth_registry RENAME TO birth_registry;
  UPDATE birthgate.instance SET registry_schema = NULL, registry_table = NULL, registry_owner = NULL;
END
$$;
ALTER FUNCTION birthgate.unadopt_registry_swap() OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.ungovern_plan(p_collection text) RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
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
ALTER FUNCTION birthgate.ungovern_plan(p_collection text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate.with_partitions(p_table text) RETURNS SETOF regclass
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT to_regclass(format('birthgate.%I', p_table))
   UNION ALL
  SELECT inhrelid::regclass FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass(format('birthgate.%I', p_table))
$$;
ALTER FUNCTION birthgate.with_partitions(p_table text) OWNER TO birthgate_owner;
CREATE FUNCTION birthgate_look.count_by(p_query text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET constraint_exclusion TO 'off'
    AS $$
DECLARE
  v_count bigint;
BEGIN
  EXECUTE p_query INTO v_count;
  RETURN v_count;
END
$$;
ALTER FUNCTION birthgate_look.count_by(p_query text) OWNER TO birthgate_reader;
CREATE FUNCTION birthgate_look.count_not_born_in(p_collection birthgate.collection, p_other text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET constraint_exclusion TO 'off'
    AS $_$
DECLARE
  v_count bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I.%I AS n WHERE NOT EXISTS (SELECT FROM birthgate.birth_registry b
                   WHERE b.entity_code = %s AND b.collection_name = $1 AND b.status <> ''retired'')',
                 p_collection.table_schema, p_collection.table_name, p_collection.code_expression)
     INTO v_count USING p_other;
  RETURN v_count;
END
$_$;
ALTER FUNCTION birthgate_look.count_not_born_in(p_collection birthgate.collection, p_other text) OWNER TO birthgate_reader;
CREATE FUNCTION birthgate_look.count_phantoms(p_collection birthgate.collection) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET constraint_exclusion TO 'off'
    AS $_$
DECLARE
  v_count bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM birthgate.birth_registry b
                   WHERE b.collection_name = $1 AND b.status <> ''retired''
                     AND NOT EXISTS (SELECT FROM %I.%I AS n WHERE %s = b.entity_code)',
                 p_collection.table_schema, p_collection.table_name, p_collection.code_expression)
     INTO v_count USING p_collection.collection_name;
  RETURN v_count;
END
$_$;
ALTER FUNCTION birthgate_look.count_phantoms(p_collection birthgate.collection) OWNER TO birthgate_reader;
CREATE FUNCTION birthgate_look.reconcile_rows(p_collection birthgate.collection) RETURNS TABLE(finding text, count bigint, examples text[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET constraint_exclusion TO 'off'
    SET jit TO 'off'
    SET work_mem TO '64MB'
    AS $_$
BEGIN
  RETURN QUERY EXECUTE format($sql$
    SELECT found.finding, count(*), (array_agg(found.code))[1:5]
      FROM (SELECT coalesce(r.code, b.entity_code) AS code,
                   CASE WHEN b.entity_code IS NULL THEN 'orphan'
                        WHEN r.code IS NULL AND b.status <> 'retired' THEN 'phantom'
                        WHEN r.code IS NOT NULL AND b.status = 'retired' THEN 'ghost' END AS finding
              FROM (SELECT %s AS code FROM %I.%I AS n) AS r
              FULL JOIN (SELECT entity_code, status FROM birthgate.birth_registry WHERE collection_name = $1) AS b
                ON b.entity_code = r.code) AS found
     WHERE found.finding IS NOT NULL GROUP BY found.finding$sql$,
    p_collection.code_expression, p_collection.table_schema, p_collection.table_name) USING p_collection.collection_name;
END
$_$;
ALTER FUNCTION birthgate_look.reconcile_rows(p_collection birthgate.collection) OWNER TO birthgate_reader;
CREATE FUNCTION birthgate_look.rows_present(p_collection birthgate.collection, p_condition text, p_entity_codes text[]) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET constraint_exclusion TO 'off'
    AS $$
DECLARE
  v_present bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I.%I AS t WHERE %s AND %s',
                 p_collection.table_schema, p_collection.table_name, p_condition, p_collection.match_expression)
     INTO v_present USING p_entity_codes;
  RETURN v_present;
END
$$;
ALTER FUNCTION birthgate_look.rows_present(p_collection birthgate.collection, p_condition text, p_entity_codes text[]) OWNER TO birthgate_reader;
CREATE TABLE birthgate.admission_grant (
    role_name text NOT NULL,
    collection_name text NOT NULL,
    quota bigint,
    granted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    granted_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT admission_grant_quota_check CHECK ((quota >= 0))
);
ALTER TABLE birthgate.admission_grant OWNER TO birthgate_owner;
CREATE TABLE birthgate.baseline (
    only_row boolean DEFAULT true NOT NULL,
    root text NOT NULL,
    major integer NOT NULL,
    incarnation text NOT NULL,
    instance text NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    taken_by text NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    CONSTRAINT baseline_only_row_check CHECK (only_row)
);
ALTER TABLE birthgate.baseline OWNER TO birthgate_owner;
CREATE TABLE birthgate.baseline_object (
    object text NOT NULL,
    kind text NOT NULL,
    hash text NOT NULL,
    attributes jsonb NOT NULL
);
ALTER TABLE birthgate.baseline_object OWNER TO birthgate_owner;
CREATE TABLE birthgate.birth_admission_permit (
    id bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    active boolean GENERATED ALWAYS AS (((finalized_at IS NULL) AND (ended_at IS NULL))) STORED NOT NULL,
    collection_name text NOT NULL,
    entity_code text,
    from_entity_code text,
    row_hash bytea,
    requester text NOT NULL,
    holder text NOT NULL,
    idempotency_key text,
    break_glass text,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    reserved_at timestamp with time zone,
    consumed_at timestamp with time zone,
    consumed_by text,
    consumed_xid xid8,
    incarnation bigint,
    finalized_at timestamp with time zone,
    ended_at timestamp with time zone,
    ended_why text,
    CONSTRAINT birth_admission_permit_idempotency_key_check CHECK ((idempotency_key <> ''::text)),
    CONSTRAINT birth_admission_permit_kind_check CHECK ((kind = ANY (ARRAY['birth'::text, 'retire'::text, 'rename'::text, 'discard'::text]))),
    CONSTRAINT permit_break_glass CHECK (((break_glass IS NULL) OR ((length(btrim(break_glass)) >= 10) AND (expires_at <= (requested_at + '00:15:00'::interval))))),
    CONSTRAINT permit_consumed CHECK ((num_nulls(consumed_at, consumed_by, consumed_xid, incarnation) = ANY (ARRAY[0, 4]))),
    CONSTRAINT permit_entity CHECK ((
CASE
    WHEN (entity_code IS NULL) THEN ((kind = 'birth'::text) AND (consumed_at IS NULL))
    ELSE (entity_code <> ''::text)
END AND ((kind = 'rename'::text) = (from_entity_code IS NOT NULL)))),
    CONSTRAINT permit_way CHECK ((
CASE
    WHEN (ended_at IS NOT NULL) THEN ((state = ANY (ARRAY['FAILED'::text, 'EXPIRED'::text, 'CANCELLED'::text])) AND (consumed_at IS NULL) AND (finalized_at IS NULL) AND ((state <> 'FAILED'::text) OR (ended_why IS NOT NULL)))
    WHEN (finalized_at IS NOT NULL) THEN ((state = 'FINALIZED'::text) AND (consumed_at IS NOT NULL))
    WHEN (consumed_at IS NOT NULL) THEN (state = 'CONSUMED'::text)
    WHEN (reserved_at IS NOT NULL) THEN (state = 'RESERVED'::text)
    ELSE (state = 'REQUESTED'::text)
END AND ((consumed_at IS NULL) OR (reserved_at IS NOT NULL))))
)
WITH (fillfactor='20');
ALTER TABLE birthgate.birth_admission_permit OWNER TO birthgate_owner;
ALTER TABLE birthgate.birth_admission_permit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME birthgate.birth_admission_permit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE birthgate.birth_registry (
    id bigint NOT NULL,
    entity_code text NOT NULL,
    collection_name text NOT NULL,
    status text DEFAULT 'born'::text NOT NULL,
    origin text DEFAULT 'legacy'::text NOT NULL,
    permit_id bigint,
    born_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    born_xid xid8 DEFAULT pg_current_xact_id(),
    incarnation bigint DEFAULT '/* this database's incarnation */ 0'::bigint,
    finalized_at timestamp with time zone,
    retired_at timestamp with time zone,
    retire_permit_id bigint,
    renamed_to text,
    CONSTRAINT birth_has_permit CHECK (((origin <> 'permit'::text) OR (permit_id IS NOT NULL))),
    CONSTRAINT birth_registry_origin_check CHECK ((origin = ANY (ARRAY['permit'::text, 'legacy'::text, 'backfill'::text, 'decision'::text]))),
    CONSTRAINT birth_registry_status_check CHECK ((status = ANY (ARRAY['born'::text, 'finalized'::text, 'retired'::text]))),
    CONSTRAINT birth_retired CHECK (((status = 'retired'::text) = (retire_permit_id IS NOT NULL)))
)
WITH (fillfactor='40');
ALTER TABLE birthgate.birth_registry OWNER TO birthgate_owner;
ALTER TABLE birthgate.birth_registry ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME birthgate.birth_registry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE birthgate.block_dimension (
    name text NOT NULL,
    description text NOT NULL,
    query text,
    bound bigint DEFAULT 0 NOT NULL,
    max_age interval DEFAULT '01:00:00'::interval,
    CONSTRAINT block_dimension_max_age_check CHECK ((max_age > '00:00:00'::interval))
);
ALTER TABLE birthgate.block_dimension OWNER TO birthgate_owner;
CREATE TABLE birthgate.block_observation (
    dimension text NOT NULL,
    value bigint,
    problem text,
    observed_at timestamp with time zone NOT NULL,
    observed_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT block_observation_check CHECK (((value IS NULL) = (problem IS NOT NULL)))
);
ALTER TABLE birthgate.block_observation OWNER TO birthgate_owner;
CREATE TABLE birthgate.block_rule (
    action text NOT NULL,
    dimension text NOT NULL
);
ALTER TABLE birthgate.block_rule OWNER TO birthgate_owner;
CREATE VIEW birthgate.block_status AS
 SELECT d.name,
    d.description,
    o.value,
    d.bound,
    o.observed_at,
    o.problem,
        CASE
            WHEN (o.value IS NULL) THEN 'unknown'::text
            WHEN (o.observed_at < (clock_timestamp() - d.max_age)) THEN 'too old'::text
            WHEN (o.value > d.bound) THEN 'over'::text
            ELSE 'within'::text
        END AS state,
    ARRAY( SELECT r.action
           FROM birthgate.block_rule r
          WHERE (r.dimension = d.name)
          ORDER BY r.action) AS blocks,
    d.max_age
   FROM (birthgate.block_dimension d
     LEFT JOIN birthgate.block_observation o ON ((o.dimension = d.name)));
ALTER TABLE birthgate.block_status OWNER TO birthgate_owner;
CREATE TABLE birthgate.code_rule (
    collection_name text NOT NULL,
    pattern text NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_by text DEFAULT SESSION_USER NOT NULL
);
ALTER TABLE birthgate.code_rule OWNER TO birthgate_owner;
CREATE TABLE birthgate.ddl_event (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event text NOT NULL,
    tag text NOT NULL,
    object_type text,
    object_identity text,
    more bigint,
    login text DEFAULT SESSION_USER NOT NULL,
    role text NOT NULL,
    application text,
    client text,
    pid integer DEFAULT pg_backend_pid() NOT NULL,
    xid text DEFAULT pg_current_xact_id() NOT NULL
);
ALTER TABLE birthgate.ddl_event OWNER TO birthgate_owner;
CREATE TABLE birthgate.permit_archive (
    id bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    active boolean,
    collection_name text NOT NULL,
    entity_code text,
    from_entity_code text,
    row_hash bytea,
    requester text NOT NULL,
    holder text NOT NULL,
    idempotency_key text,
    break_glass text,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    reserved_at timestamp with time zone,
    consumed_at timestamp with time zone,
    consumed_by text,
    consumed_xid xid8,
    incarnation bigint,
    finalized_at timestamp with time zone,
    ended_at timestamp with time zone,
    ended_why text,
    closed_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (closed_at);
ALTER TABLE birthgate.permit_archive OWNER TO birthgate_owner;
CREATE VIEW birthgate.every_permit AS
 SELECT birth_admission_permit.id,
    birth_admission_permit.kind,
    birth_admission_permit.state,
    birth_admission_permit.active,
    birth_admission_permit.collection_name,
    birth_admission_permit.entity_code,
    birth_admission_permit.from_entity_code,
    birth_admission_permit.row_hash,
    birth_admission_permit.requester,
    birth_admission_permit.holder,
    birth_admission_permit.idempotency_key,
    birth_admission_permit.break_glass,
    birth_admission_permit.requested_at,
    birth_admission_permit.expires_at,
    birth_admission_permit.reserved_at,
    birth_admission_permit.consumed_at,
    birth_admission_permit.consumed_by,
    birth_admission_permit.consumed_xid,
    birth_admission_permit.incarnation,
    birth_admission_permit.finalized_at,
    birth_admission_permit.ended_at,
    birth_admission_permit.ended_why
   FROM birthgate.birth_admission_permit
UNION ALL
 SELECT permit_archive.id,
    permit_archive.kind,
    permit_archive.state,
    permit_archive.active,
    permit_archive.collection_name,
    permit_archive.entity_code,
    permit_archive.from_entity_code,
    permit_archive.row_hash,
    permit_archive.requester,
    permit_archive.holder,
    permit_archive.idempotency_key,
    permit_archive.break_glass,
    permit_archive.requested_at,
    permit_archive.expires_at,
    permit_archive.reserved_at,
    permit_archive.consumed_at,
    permit_archive.consumed_by,
    permit_archive.consumed_xid,
    permit_archive.incarnation,
    permit_archive.finalized_at,
    permit_archive.ended_at,
    permit_archive.ended_why
   FROM birthgate.permit_archive;
ALTER TABLE birthgate.every_permit OWNER TO birthgate_owner;
CREATE UNLOGGED TABLE birthgate.finalization (
    first_permit_id bigint NOT NULL,
    collection_name text NOT NULL,
    kind text NOT NULL,
    permit_ids bigint[] NOT NULL
);
ALTER TABLE ONLY birthgate.finalization ALTER COLUMN permit_ids SET STORAGE EXTERNAL;
ALTER TABLE birthgate.finalization OWNER TO birthgate_owner;
CREATE TABLE birthgate.identity_decision (
    collection_name text NOT NULL,
    identity text NOT NULL,
    alias_of text,
    entry bigint NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    decided_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT identity_decision_check CHECK (((identity = 'alias'::text) = (alias_of IS NOT NULL))),
    CONSTRAINT identity_decision_identity_check CHECK ((identity = ANY (ARRAY['own'::text, 'alias'::text, 'excluded'::text, 'retired'::text])))
);
ALTER TABLE birthgate.identity_decision OWNER TO birthgate_owner;
CREATE TABLE birthgate.instance (
    only_row boolean DEFAULT true NOT NULL,
    incarnation bigint NOT NULL,
    registry_schema text,
    registry_table text,
    changelog_schema text,
    changelog_table text,
    fan_in boolean DEFAULT false NOT NULL,
    registry_owner text,
    changelog_owner text,
    CONSTRAINT instance_check CHECK (((registry_schema IS NULL) = (registry_table IS NULL))),
    CONSTRAINT instance_check1 CHECK (((changelog_schema IS NULL) = (changelog_table IS NULL))),
    CONSTRAINT instance_only_row_check CHECK (only_row)
);
ALTER TABLE birthgate.instance OWNER TO birthgate_owner;
CREATE TABLE birthgate.observed (
    id bigint NOT NULL,
    collection_name text NOT NULL,
    entity_code text,
    operation text NOT NULL,
    refusal text NOT NULL,
    login text DEFAULT SESSION_USER NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT observed_operation_check CHECK ((operation = ANY (ARRAY['INSERT'::text, 'UPDATE'::text, 'DELETE'::text, 'TRUNCATE'::text, 'COMMIT'::text])))
);
ALTER TABLE birthgate.observed OWNER TO birthgate_owner;
ALTER TABLE birthgate.observed ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME birthgate.observed_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE birthgate.registry_changelog (
    id bigint NOT NULL,
    collection_name text,
    entity_code text,
    action text NOT NULL,
    permit_id bigint,
    changed_by text DEFAULT SESSION_USER NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE birthgate.registry_changelog OWNER TO birthgate_owner;
ALTER TABLE birthgate.registry_changelog ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME birthgate.registry_changelog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE birthgate.schema_version (
    version integer NOT NULL,
    installed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    installed_by text DEFAULT SESSION_USER NOT NULL
);
ALTER TABLE birthgate.schema_version OWNER TO birthgate_owner;
CREATE TABLE birthgate.stop (
    collection_name text NOT NULL,
    reason text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    stopped_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT stop_reason_check CHECK ((length(btrim(reason)) >= 10))
);
ALTER TABLE birthgate.stop OWNER TO birthgate_owner;
ALTER TABLE ONLY birthgate.admission_grant
    ADD CONSTRAINT admission_grant_pkey PRIMARY KEY (role_name, collection_name);
ALTER TABLE ONLY birthgate.baseline_object
    ADD CONSTRAINT baseline_object_pkey PRIMARY KEY (object);
ALTER TABLE ONLY birthgate.baseline
    ADD CONSTRAINT baseline_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY birthgate.birth_admission_permit
    ADD CONSTRAINT birth_admission_permit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY birthgate.birth_registry
    ADD CONSTRAINT birth_registry_entity_code_collection_name_key UNIQUE (entity_code, collection_name);
ALTER TABLE ONLY birthgate.birth_registry
    ADD CONSTRAINT birth_registry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY birthgate.block_dimension
    ADD CONSTRAINT block_dimension_pkey PRIMARY KEY (name);
ALTER TABLE ONLY birthgate.block_observation
    ADD CONSTRAINT block_observation_pkey PRIMARY KEY (dimension);
ALTER TABLE ONLY birthgate.block_rule
    ADD CONSTRAINT block_rule_pkey PRIMARY KEY (action, dimension);
ALTER TABLE ONLY birthgate.code_rule
    ADD CONSTRAINT code_rule_pkey PRIMARY KEY (collection_name);
ALTER TABLE ONLY birthgate.collection
    ADD CONSTRAINT collection_pkey PRIMARY KEY (collection_name);
ALTER TABLE ONLY birthgate.collection
    ADD CONSTRAINT collection_table_schema_table_name_key UNIQUE (table_schema, table_name);
ALTER TABLE ONLY birthgate.ddl_event
    ADD CONSTRAINT ddl_event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY birthgate.finalization
    ADD CONSTRAINT finalization_pkey PRIMARY KEY (first_permit_id);
ALTER TABLE ONLY birthgate.identity_decision
    ADD CONSTRAINT identity_decision_pkey PRIMARY KEY (collection_name);
ALTER TABLE ONLY birthgate.instance
    ADD CONSTRAINT instance_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY birthgate.observed
    ADD CONSTRAINT observed_pkey PRIMARY KEY (id);
ALTER TABLE ONLY birthgate.registry_changelog
    ADD CONSTRAINT registry_changelog_pkey PRIMARY KEY (id);
ALTER TABLE ONLY birthgate.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);
ALTER TABLE ONLY birthgate.stop
    ADD CONSTRAINT stop_pkey PRIMARY KEY (collection_name);
CREATE UNIQUE INDEX birth_admission_permit_active_key ON birthgate.birth_admission_permit USING btree (entity_code, collection_name) WHERE active;
CREATE UNIQUE INDEX birth_admission_permit_idempotency_key ON birthgate.birth_admission_permit USING btree (idempotency_key, requester) WHERE (idempotency_key IS NOT NULL);
CREATE UNIQUE INDEX birth_registry_permit_key ON birthgate.birth_registry USING btree (permit_id) WHERE (permit_id IS NOT NULL);
CREATE UNIQUE INDEX birth_registry_retire_permit_key ON birthgate.birth_registry USING btree (retire_permit_id) WHERE (retire_permit_id IS NOT NULL);
CREATE INDEX ddl_event_at ON birthgate.ddl_event USING btree (at);
CREATE INDEX permit_archive_id_key ON ONLY birthgate.permit_archive USING btree (id);
CREATE INDEX permit_archive_idempotency_key ON ONLY birthgate.permit_archive USING btree (idempotency_key, requester) WHERE (idempotency_key IS NOT NULL);
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.admission_grant FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.admission_grant ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.baseline FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.baseline ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.baseline_object FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.baseline_object ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.block_dimension FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.block_dimension ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.block_observation FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.block_observation ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.block_rule FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.block_rule ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.code_rule FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.code_rule ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.collection FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.collection ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.ddl_event FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.ddl_event ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.finalization FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.finalization ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.identity_decision FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.identity_decision ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.instance FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.instance ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.observed FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.observed ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.permit_archive FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.permit_archive ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.registry_changelog FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.registry_changelog ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.schema_version FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.schema_version ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_truncate_guard BEFORE TRUNCATE ON birthgate.stop FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.stop ENABLE ALWAYS TRIGGER direct_truncate_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.admission_grant FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.admission_grant ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.baseline FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.baseline ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.baseline_object FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.baseline_object ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.block_dimension FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.block_dimension ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.block_observation FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.block_observation ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.block_rule FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.block_rule ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.code_rule FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.code_rule ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.collection FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.collection ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.ddl_event FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.ddl_event ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.finalization FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.finalization ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.identity_decision FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.identity_decision ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.instance FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.instance ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.observed FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.observed ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.permit_archive FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.permit_archive ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.registry_changelog FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.registry_changelog ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.schema_version FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.schema_version ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE TRIGGER direct_write_guard AFTER INSERT OR DELETE OR UPDATE ON birthgate.stop FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.stop ENABLE ALWAYS TRIGGER direct_write_guard;
CREATE CONSTRAINT TRIGGER finalize AFTER INSERT ON birthgate.finalization DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION birthgate.finalize();
ALTER TABLE birthgate.finalization ENABLE ALWAYS TRIGGER finalize;
CREATE TRIGGER permit_guard_code AFTER UPDATE OF entity_code ON birthgate.birth_admission_permit FOR EACH ROW WHEN (((old.entity_code IS NOT NULL) OR (new.state <> 'CONSUMED'::text))) EXECUTE FUNCTION birthgate.permit_guard();
ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_guard_code;
CREATE TRIGGER permit_guard_delete AFTER DELETE ON birthgate.birth_admission_permit FOR EACH ROW EXECUTE FUNCTION birthgate.permit_guard_delete();
ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_guard_delete;
CREATE TRIGGER permit_guard_identity AFTER UPDATE OF id, kind, collection_name, from_entity_code, row_hash, requester, holder, idempotency_key, break_glass, requested_at, expires_at ON birthgate.birth_admission_permit FOR EACH ROW EXECUTE FUNCTION birthgate.permit_guard();
ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_guard_identity;
CREATE TRIGGER permit_guard_insert AFTER INSERT ON birthgate.birth_admission_permit FOR EACH ROW WHEN (((CURRENT_USER <> 'birthgate_owner'::name) OR (new.state <> 'REQUESTED'::text))) EXECUTE FUNCTION birthgate.permit_guard();
ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_guard_insert;
CREATE TRIGGER permit_guard_update AFTER UPDATE ON birthgate.birth_admission_permit FOR EACH ROW WHEN (((CURRENT_USER <> 'birthgate_owner'::name) OR (NOT old.active) OR (num_nonnulls(new.reserved_at, new.consumed_at, new.finalized_at, new.ended_at) <> (num_nonnulls(old.reserved_at, old.consumed_at, old.finalized_at, old.ended_at) + 1)))) EXECUTE FUNCTION birthgate.permit_guard();
ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_guard_update;
CREATE TRIGGER permit_truncate_guard BEFORE TRUNCATE ON birthgate.birth_admission_permit FOR EACH STATEMENT EXECUTE FUNCTION birthgate.refuse_direct_write();
ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_truncate_guard;
CREATE CONSTRAINT TRIGGER zz_birthgate_birth_bound AFTER INSERT ON birthgate.birth_registry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.permit_id IS NULL) AND (new.origin = 'legacy'::text))) EXECUTE FUNCTION birthgate.birth_must_be_bound();
ALTER TABLE birthgate.birth_registry ENABLE ALWAYS TRIGGER zz_birthgate_birth_bound;
CREATE TRIGGER zz_birthgate_birth_delete AFTER DELETE ON birthgate.birth_registry FOR EACH ROW WHEN ((CURRENT_USER <> 'birthgate_owner'::name)) EXECUTE FUNCTION birthgate.birth_guard();
ALTER TABLE birthgate.birth_registry ENABLE ALWAYS TRIGGER zz_birthgate_birth_delete;
CREATE TRIGGER zz_birthgate_birth_insert AFTER INSERT ON birthgate.birth_registry FOR EACH ROW WHEN (((CURRENT_USER <> 'birthgate_owner'::name) AND ((new.status <> 'born'::text) OR (new.origin <> 'legacy'::text) OR (new.permit_id IS NOT NULL) OR (new.retire_permit_id IS NOT NULL) OR (new.finalized_at IS NOT NULL)))) EXECUTE FUNCTION birthgate.birth_guard();
ALTER TABLE birthgate.birth_registry ENABLE ALWAYS TRIGGER zz_birthgate_birth_insert;
CREATE TRIGGER zz_birthgate_birth_truncate BEFORE TRUNCATE ON birthgate.birth_registry FOR EACH STATEMENT EXECUTE FUNCTION birthgate.birth_guard();
ALTER TABLE birthgate.birth_registry ENABLE ALWAYS TRIGGER zz_birthgate_birth_truncate;
CREATE TRIGGER zz_birthgate_birth_update AFTER UPDATE ON birthgate.birth_registry FOR EACH ROW WHEN (((CURRENT_USER <> 'birthgate_owner'::name) AND ((old.entity_code IS DISTINCT FROM new.entity_code) OR (old.collection_name IS DISTINCT FROM new.collection_name) OR (old.status IS DISTINCT FROM new.status) OR (old.origin IS DISTINCT FROM new.origin) OR (old.permit_id IS DISTINCT FROM new.permit_id) OR (old.retire_permit_id IS DISTINCT FROM new.retire_permit_id) OR (old.born_xid IS DISTINCT FROM new.born_xid) OR (old.incarnation IS DISTINCT FROM new.incarnation)))) EXECUTE FUNCTION birthgate.birth_guard();
ALTER TABLE birthgate.birth_registry ENABLE ALWAYS TRIGGER zz_birthgate_birth_update;
ALTER TABLE ONLY birthgate.admission_grant
    ADD CONSTRAINT admission_grant_collection_name_fkey FOREIGN KEY (collection_name) REFERENCES birthgate.collection(collection_name) ON DELETE CASCADE;
ALTER TABLE ONLY birthgate.block_observation
    ADD CONSTRAINT block_observation_dimension_fkey FOREIGN KEY (dimension) REFERENCES birthgate.block_dimension(name) ON DELETE CASCADE;
ALTER TABLE ONLY birthgate.block_rule
    ADD CONSTRAINT block_rule_dimension_fkey FOREIGN KEY (dimension) REFERENCES birthgate.block_dimension(name) ON DELETE CASCADE;
ALTER TABLE ONLY birthgate.code_rule
    ADD CONSTRAINT code_rule_collection_name_fkey FOREIGN KEY (collection_name) REFERENCES birthgate.collection(collection_name) ON DELETE CASCADE;
ALTER TABLE ONLY birthgate.identity_decision
    ADD CONSTRAINT identity_decision_collection_name_fkey FOREIGN KEY (collection_name) REFERENCES birthgate.collection(collection_name) ON DELETE CASCADE;
ALTER TABLE ONLY birthgate.stop
    ADD CONSTRAINT stop_collection_name_fkey FOREIGN KEY (collection_name) REFERENCES birthgate.collection(collection_name) ON DELETE CASCADE;
GRANT USAGE ON SCHEMA birthgate TO birthgate_admitter;
GRANT USAGE ON SCHEMA birthgate TO birthgate_registrar;
GRANT USAGE ON SCHEMA birthgate TO birthgate_breakglass;
GRANT USAGE ON SCHEMA birthgate TO birthgate_auditor;
GRANT USAGE ON SCHEMA birthgate TO birthgate_reader;
REVOKE ALL ON FUNCTION birthgate.acts_as(p_login name, p_role text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.acts_as(p_login name, p_role text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.admission_grant_drop(p_role text, p_collection text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.admission_grant_set(p_role text, p_collection text, p_quota bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.admit(p_collection text, p_row jsonb, p_idempotency_key text) TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.collection TO birthgate_admitter;
GRANT SELECT ON TABLE birthgate.collection TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.collection TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.collection TO birthgate_reader;
REVOKE ALL ON FUNCTION birthgate.admit_in_mode(p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.admit_many(p_collection text, p_rows jsonb, p_idempotency_keys text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.admit_many(p_collection text, p_rows jsonb, p_idempotency_keys text[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.admit_many(p_collection text, p_rows jsonb, p_idempotency_keys text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.admit_open(p_collection birthgate.collection, p_entity_codes text[], p_now timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.admit_rows(p_collection birthgate.collection, p_entity_codes text[], p_row_hashes bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.adopt_changelog_swap(p_schema text, p_table text, p_owner text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.adopt_registry_plan(p_registry regclass, p_changelog regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.adopt_registry_swap(p_schema text, p_table text, p_owner text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.backfill(p_collection text, p_after jsonb, p_most bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.backfill(p_collection text, p_after jsonb, p_most bigint) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.backfill_births(p_collection text, p_entity_codes text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.backfill_births(p_collection text, p_entity_codes text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.baseline_put(p_header jsonb, p_objects jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.baseline_seen() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.birth_guard() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.birth_must_be_bound() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.block_count(p_dimension text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.block_count(p_dimension text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.block_dimension_drop(p_name text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.block_dimension_put(p_name text, p_description text, p_query text, p_bound bigint, p_max_age interval, p_blocks text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.block_grace_put(p_name text, p_max_age interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.block_observe(p_dimension text, p_value bigint, p_problem text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.block_observe(p_dimension text, p_value bigint, p_problem text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.blocked_by(p_action text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.blocked_by(p_action text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.blocked_by(p_action text) TO birthgate_registrar;
GRANT ALL ON FUNCTION birthgate.blocked_by(p_action text) TO birthgate_auditor;
REVOKE ALL ON FUNCTION birthgate.carry_birth() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.carry_to(p_aside text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.check_adoptable(p_table regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.check_born(p_collection text, p_entity_codes text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.check_bound(p_collection birthgate.collection, p_permit_ids bigint[], p_entity_codes text[], p_row_hashes bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.check_code_rule(p_collection text, p_entity_codes text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.check_grant(p_collection text, p_wanted bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.check_plain(p_collection birthgate.collection, p_columns text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.check_plain(p_collection birthgate.collection, p_columns text[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.check_plain(p_collection birthgate.collection, p_columns text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.check_stops(p_collection text, p_kind text, p_break_glass boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.check_superuser(p_collection birthgate.collection) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.check_superuser(p_collection birthgate.collection) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.check_superuser(p_collection birthgate.collection) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.check_unborn(p_collection text, p_entity_codes text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.children(p_collection birthgate.collection, p_entity_code text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.children(p_collection birthgate.collection, p_entity_code text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.children(p_collection birthgate.collection, p_entity_code text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.clear_overdue(p_collection text, p_entity_codes text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.code_rule_set(p_collection text, p_pattern text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.collection_of(p_collection text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.collection_of(p_collection text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.collection_of(p_collection text) TO birthgate_registrar;
GRANT ALL ON FUNCTION birthgate.collection_of(p_collection text) TO birthgate_reader;
REVOKE ALL ON FUNCTION birthgate.collection_put(p_collection birthgate.collection) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.collection_remove(p_collection text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.collection_set_mode(p_collection text, p_mode text, p_finalize text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.columns_of_json(p_collection birthgate.collection, p_columns text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.columns_of_json(p_collection birthgate.collection, p_columns text[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.columns_of_json(p_collection birthgate.collection, p_columns text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.copy_births(p_after bigint, p_upto bigint, p_most integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.copy_births_undo() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.copy_grants(p_from regclass, p_to regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.copy_plan() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.count_not_born_in(p_collection text, p_other text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.count_orphans() FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.count_orphans() TO birthgate_reader;
REVOKE ALL ON FUNCTION birthgate.count_phantoms() FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.count_phantoms() TO birthgate_reader;
REVOKE ALL ON FUNCTION birthgate.ddl_event_prune(p_older_than interval, p_most bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.ddl_event_prune(p_older_than interval, p_most bigint) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.ddl_event_put(p_event text, p_tags text[], p_types text[], p_identities text[], p_more bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.ddl_guard_drop() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.ddl_guard_end() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.ddl_guard_rewrite() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.ddl_is_temporary(p_schema text, p_identity text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.ddl_may_be_of_gate(p_type text, p_identity text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.decide_identity(p_collection text, p_identity text, p_alias_of text, p_evidence jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.disarm_plan(p_table regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.discard(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.discard(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.discard(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.end_entity(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_cascade boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.end_entity(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_cascade boolean) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.end_entity(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_cascade boolean) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.entity_code(p_collection text, p_row jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.entity_code(p_collection text, p_row jsonb) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.entity_code(p_collection text, p_row jsonb) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.fan_in_set() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.finalize() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.finalize_at_commit(p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.finalize_permits(p_collection birthgate.collection, p_kind text, p_permit_ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.fn_assert_safe_for_dot_action(p_action text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.fn_assert_safe_for_dot_action(p_action text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.fn_assert_safe_for_dot_action(p_action text) TO birthgate_registrar;
GRANT ALL ON FUNCTION birthgate.fn_assert_safe_for_dot_action(p_action text) TO birthgate_auditor;
REVOKE ALL ON FUNCTION birthgate.gate_drift_put(p_blocks text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.gate_problem(p_collection text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.gate_row() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.gate_statement() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.gated_table(p_collection text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.give_back_plan(p_table regclass, p_owner text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.govern_obstacle(p_table regclass, p_code_columns text[], p_mode text, p_bound_columns text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.govern_plan(p_collection text, p_table regclass, p_code_columns text[], p_mode text, p_form text, p_finalize text, p_critical boolean, p_rule text, p_replaces text[], p_open_permits boolean, p_bound_columns text[], p_again boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.governed(p_relid oid, p_collection text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.guard_delete() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.guard_key() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.guard_truncate() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.handoff_note(p_body jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.handoff_note(p_body jsonb) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.has_own_births(p_collection text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.has_own_births(p_collection text) TO birthgate_reader;
GRANT ALL ON FUNCTION birthgate.has_own_births(p_collection text) TO birthgate_registrar;
GRANT ALL ON FUNCTION birthgate.has_own_births(p_collection text) TO birthgate_auditor;
REVOKE ALL ON FUNCTION birthgate.incarnation_set(p_incarnation bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.is_carried(p_aside regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.is_copy() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.is_done(p_idempotency_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.is_done(p_idempotency_key text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.is_done(p_idempotency_key text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.is_lesser(p_role oid) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.is_lesser(p_role oid) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.is_lesser(p_role oid) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.keep_plain(p_collection birthgate.collection, p_columns text[], p_fresh boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.keep_plain(p_collection birthgate.collection, p_columns text[], p_fresh boolean) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.keep_plain(p_collection birthgate.collection, p_columns text[], p_fresh boolean) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.keep_table(p_relid oid) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.keep_table(p_relid oid) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.keep_table(p_relid oid) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.key_columns(p_table regclass, p_columns text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.key_columns(p_table regclass, p_columns text[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.key_columns(p_table regclass, p_columns text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.names_missing(p_collection text, p_column text, p_names text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.names_missing(p_collection text, p_column text, p_names text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.observe(p_collection text, p_entity_code text, p_operation text, p_refusal text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.own_triggers() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.permit_archive(p_before timestamp with time zone, p_most bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_archive(p_before timestamp with time zone, p_most bigint) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_cancel(p_id bigint, p_why text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_cancel(p_id bigint, p_why text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_cancel(p_id bigint, p_why text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_end(p_id bigint, p_to text, p_why text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_end(p_id bigint, p_to text, p_why text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_end(p_id bigint, p_to text, p_why text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_expire(p_most bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_expire(p_most bigint) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_fail(p_id bigint, p_why text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_fail(p_id bigint, p_why text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_fail(p_id bigint, p_why text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_guard() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.permit_guard_delete() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.permit_hold(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_hold(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_hold(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_is_spendable(p_state text, p_expires_at timestamp with time zone, p_holder text, p_login name, p_now timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.permit_problem(p_collection text, p_entity_code text, p_kinds text[], p_login name, p_now timestamp with time zone, OUT code text, OUT message text, OUT detail text, OUT hint text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.permit_request(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_ttl interval, p_holder text, p_break_glass text, p_from_entity_code text, p_row_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_request(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_ttl interval, p_holder text, p_break_glass text, p_from_entity_code text, p_row_hash bytea) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_request(p_collection text, p_entity_code text, p_kind text, p_idempotency_key text, p_ttl interval, p_holder text, p_break_glass text, p_from_entity_code text, p_row_hash bytea) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_request_many(p_collection text, p_entity_codes text[], p_kind text, p_idempotency_keys text[], p_ttl interval, p_holder text, p_break_glass text, p_from_entity_codes text[], p_row_hashes bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_request_many(p_collection text, p_entity_codes text[], p_kind text, p_idempotency_keys text[], p_ttl interval, p_holder text, p_break_glass text, p_from_entity_codes text[], p_row_hashes bytea[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_request_many(p_collection text, p_entity_codes text[], p_kind text, p_idempotency_keys text[], p_ttl interval, p_holder text, p_break_glass text, p_from_entity_codes text[], p_row_hashes bytea[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_request_row(p_collection text, p_row jsonb, p_idempotency_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_request_row(p_collection text, p_row jsonb, p_idempotency_key text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_request_row(p_collection text, p_row jsonb, p_idempotency_key text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_reserve(p_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_reserve(p_id bigint) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_reserve(p_id bigint) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permit_reserve_many(p_ids bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permit_reserve_many(p_ids bigint[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permit_reserve_many(p_ids bigint[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.permits_by_key(p_idempotency_keys text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.permits_by_key(p_idempotency_keys text[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.permits_by_key(p_idempotency_keys text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.promote_plan() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.prospects(p_collection text, p_entity_codes text[], p_idempotency_keys text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.prospects(p_collection text, p_entity_codes text[], p_idempotency_keys text[]) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.prospects(p_collection text, p_entity_codes text[], p_idempotency_keys text[]) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.rearm_plan(p_collection text, p_table regclass, p_mode text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.reconcile_permits(p_collection text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.reconcile_permits(p_collection text) TO birthgate_registrar;
GRANT ALL ON FUNCTION birthgate.reconcile_permits(p_collection text) TO birthgate_auditor;
REVOKE ALL ON FUNCTION birthgate.reconcile_rows(p_collection text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.reconcile_rows(p_collection text) TO birthgate_registrar;
GRANT ALL ON FUNCTION birthgate.reconcile_rows(p_collection text) TO birthgate_auditor;
REVOKE ALL ON FUNCTION birthgate.refuse_direct_write() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.refuse_transition(p_ids bigint[], p_to text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.refuse_unpermitted(p_collection text, p_entity_codes text[], p_kinds text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.register(p_collection text, p_row jsonb, p_idempotency_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.register(p_collection text, p_row jsonb, p_idempotency_key text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.registry_drop_unpartitioned() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.registry_exchange(p_aside text, p_becomes text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.registry_guard_plan(p_schema text, p_table text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.registry_key_is_single() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.registry_partition(p_partitions integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.registry_partition_findings() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.registry_partition_undo() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.registry_table() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.rename(p_collection text, p_from_entity_code text, p_entity_code text, p_idempotency_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.rename(p_collection text, p_from_entity_code text, p_entity_code text, p_idempotency_key text) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.rename(p_collection text, p_from_entity_code text, p_entity_code text, p_idempotency_key text) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.rename_row(p_collection birthgate.collection, p_from text, p_to text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.replaceable(p_relid oid, p_writing boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.replaceable(p_relid oid, p_writing boolean) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.replaceable(p_relid oid, p_writing boolean) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.retire(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.retire(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.retire(p_collection text, p_entity_code text, p_idempotency_key text, p_cascade boolean) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.retire_phantom(p_permit_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate.retire_phantom(p_permit_id bigint) TO birthgate_admitter;
GRANT ALL ON FUNCTION birthgate.retire_phantom(p_permit_id bigint) TO birthgate_registrar;
REVOKE ALL ON FUNCTION birthgate.retire_row(p_collection birthgate.collection, p_entity_code text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.take_over_plan(p_table regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.trigger_fingerprint(p_table regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.trust(p_table regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.unadopt_changelog_swap() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.unadopt_plan() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.unadopt_registry_swap() FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.ungovern_plan(p_collection text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate.with_partitions(p_table text) FROM PUBLIC;
REVOKE ALL ON FUNCTION birthgate_look.count_by(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate_look.count_by(p_query text) TO birthgate_owner;
REVOKE ALL ON FUNCTION birthgate_look.count_not_born_in(p_collection birthgate.collection, p_other text) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate_look.count_not_born_in(p_collection birthgate.collection, p_other text) TO birthgate_owner;
REVOKE ALL ON FUNCTION birthgate_look.count_phantoms(p_collection birthgate.collection) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate_look.count_phantoms(p_collection birthgate.collection) TO birthgate_owner;
REVOKE ALL ON FUNCTION birthgate_look.reconcile_rows(p_collection birthgate.collection) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate_look.reconcile_rows(p_collection birthgate.collection) TO birthgate_owner;
REVOKE ALL ON FUNCTION birthgate_look.rows_present(p_collection birthgate.collection, p_condition text, p_entity_codes text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION birthgate_look.rows_present(p_collection birthgate.collection, p_condition text, p_entity_codes text[]) TO birthgate_owner;
GRANT SELECT ON TABLE birthgate.admission_grant TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.admission_grant TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.baseline TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.baseline TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.baseline_object TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.baseline_object TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.birth_admission_permit TO birthgate_admitter;
GRANT SELECT ON TABLE birthgate.birth_admission_permit TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.birth_admission_permit TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.birth_registry TO birthgate_admitter;
GRANT SELECT ON TABLE birthgate.birth_registry TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.birth_registry TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.birth_registry TO birthgate_reader;
GRANT SELECT ON TABLE birthgate.block_dimension TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.block_dimension TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.block_observation TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.block_observation TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.block_rule TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.block_rule TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.block_status TO birthgate_admitter;
GRANT SELECT ON TABLE birthgate.block_status TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.block_status TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.code_rule TO birthgate_admitter;
GRANT SELECT ON TABLE birthgate.code_rule TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.code_rule TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.ddl_event TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.ddl_event TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.permit_archive TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.permit_archive TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.every_permit TO birthgate_admitter;
GRANT SELECT ON TABLE birthgate.every_permit TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.every_permit TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.finalization TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.finalization TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.identity_decision TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.identity_decision TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.identity_decision TO birthgate_reader;
GRANT SELECT ON TABLE birthgate.instance TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.instance TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.observed TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.observed TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.registry_changelog TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.registry_changelog TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.schema_version TO birthgate_admitter;
GRANT SELECT ON TABLE birthgate.schema_version TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.schema_version TO birthgate_auditor;
GRANT SELECT ON TABLE birthgate.stop TO birthgate_registrar;
GRANT SELECT ON TABLE birthgate.stop TO birthgate_auditor;
