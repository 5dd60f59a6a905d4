-- Logical replication. The apply of a subscription fires row triggers that are enabled ALWAYS, and no
-- statement trigger. A database that receives everything, birthgate.* too, is a copy: there our triggers
-- fire for everybody but the apply, until it is promoted. A database that receives rows, but not
-- birthgate.*, is a fan-in: the rows that arrive are gated like all others, in the row form.

-- Whether this database is a copy. A table says so, that no subscription brings; the triggers cannot,
-- because a restore with --disable-triggers leaves them like those of a copy.
CREATE OR REPLACE FUNCTION birthgate.is_copy() RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT to_regclass('birthgate.permit_archive_copied') IS NOT NULL
$$;

-- Every trigger of ours in this database, those of a partitioned table before their clones.
CREATE OR REPLACE FUNCTION birthgate.own_triggers() RETURNS TABLE (table_name regclass, name name, enabled "char")
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT t.tgrelid::regclass, t.tgname, t.tgenabled
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
   WHERE NOT t.tgisinternal AND (c.relnamespace = 'birthgate'::regnamespace OR t.tgname LIKE 'zz\_birthgate\_%')
   ORDER BY t.tgparentid <> 0, t.tgrelid, t.tgname
$$;

-- The statements that make a copy of this database: the apply passes, local writers are refused as before.
CREATE OR REPLACE FUNCTION birthgate.copy_plan() RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY
    SELECT format('ALTER TABLE %s ENABLE TRIGGER %I', table_name, name) FROM birthgate.own_triggers() WHERE enabled = 'A';
  -- The publisher makes a partition a month, which no subscription brings. All months go here.
  RETURN NEXT 'CREATE TABLE IF NOT EXISTS birthgate.permit_archive_copied PARTITION OF birthgate.permit_archive DEFAULT';
  RETURN NEXT 'ALTER TABLE birthgate.permit_archive_copied OWNER TO birthgate_owner';
END
$$;

CREATE OR REPLACE FUNCTION birthgate.fan_in_set() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$ UPDATE birthgate.instance SET fan_in = true $$;

-- The statements that make a database of its own of a copy: every gate armed, a new incarnation, and
-- identities that go on where the publisher's ended, because no subscription brings sequences.
CREATE OR REPLACE FUNCTION birthgate.promote_plan() RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
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
