-- Partitioning our own registry by the hash of the entity code while births go on: a partitioned table is made beside the one
-- in use, every change is carried over by a trigger from then on, what was there before is copied in small transactions,
-- and the two are exchanged in a short one. The table that is aside goes on to be carried to, so that the exchange has an
-- undo, until it is dropped. `registry partition` writes the packet that calls these; nobody else may.

-- What stands in the way of it; no row when nothing does.
CREATE OR REPLACE FUNCTION birthgate.registry_partition_findings() RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
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

-- Writes what happens to a birth into the table that is aside. The copy may bring the same birth at the same moment: INSERT ... ON CONFLICT
-- (a key) DO UPDATE fails where it meets the other's row at another key first; without a key named it waits, and then finds it.
-- Deleting a birth and changing its key is for no function of ours; by hand it waits until the partitioning has ended.
CREATE OR REPLACE FUNCTION birthgate.carry_birth() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- Gives one table exactly the grants of another.
CREATE OR REPLACE FUNCTION birthgate.copy_grants(p_from regclass, p_to regclass) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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

-- The table and its partitions.
CREATE OR REPLACE FUNCTION birthgate.with_partitions(p_table text) RETURNS SETOF regclass
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT to_regclass(format('birthgate.%I', p_table))
   UNION ALL
  SELECT inhrelid::regclass FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass(format('birthgate.%I', p_table))
$$;

-- Lets every change of the registry be carried to the table aside, which nobody else may write.
CREATE OR REPLACE FUNCTION birthgate.carry_to(p_aside text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
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
$$;

-- Makes the partitioned table beside the registry, and carries changes to it from now on.
CREATE OR REPLACE FUNCTION birthgate.registry_partition(p_partitions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- The undo of that.
CREATE OR REPLACE FUNCTION birthgate.registry_partition_undo() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- Copies births with higher ids than one, up to another; answers the last, NULL when there are no more. What was carried is there
-- already. It waits for nobody for long: before a birth and the copy would wait for one another, the copy lets go, and answers where it was.
CREATE OR REPLACE FUNCTION birthgate.copy_births(p_after bigint, p_upto bigint, p_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '50ms'
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

-- The undo of the copy: what is carried from now on still is.
CREATE OR REPLACE FUNCTION birthgate.copy_births_undo() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  TRUNCATE birthgate.birth_registry_partitioned;
END
$$;

-- Whether the table aside holds what the registry holds, seen at one moment.
CREATE OR REPLACE FUNCTION birthgate.is_carried(p_aside regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_is_carried boolean;
BEGIN
  EXECUTE format('SELECT (SELECT (count(*), sum(hashtextextended(b::text, 0)::numeric)) FROM birthgate.birth_registry AS b)
                       = (SELECT (count(*), sum(hashtextextended(b::text, 0)::numeric)) FROM %s AS b)', p_aside) INTO v_is_carried;
  RETURN v_is_carried;
END
$$;

-- Exchanges the registry for the table aside, and carries changes to the one that was the registry.
CREATE OR REPLACE FUNCTION birthgate.registry_exchange(p_aside text, p_becomes text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- The end: the table that was the registry is dropped. From here on there is no way back.
CREATE OR REPLACE FUNCTION birthgate.registry_drop_unpartitioned() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  LOCK TABLE birthgate.birth_registry, birthgate.birth_registry_unpartitioned IN ACCESS EXCLUSIVE MODE;
  DROP TRIGGER zz_birthgate_birth_carry ON birthgate.birth_registry;
  DROP TABLE birthgate.birth_registry_unpartitioned;
END
$$;
