-- The DDL guard: event triggers that write down who changed the schema. They only say who it was, and wake the monitor; the
-- comparison with the baseline finds what changed. Whatever happens to them, nobody's DDL fails or waits:
-- * Each body is in a block that ends every error but a cancellation.
-- * The table is locked without waiting: while somebody holds it, changes are not written down.
-- * Nothing is notified: a transaction that has may not be prepared.
-- A command that leaves nothing to write down takes no lock and no transaction number.
-- What is written down takes a subtransaction's number, and of a transaction with more than 64 of these every snapshot of
-- everybody is slow: after 32 only what may be of the gate is written down, and once that there was more.

-- Whether an object that a command names may be of the gate: it is in the baseline, stands on what is, or is Birthgate's own.
CREATE OR REPLACE FUNCTION birthgate.ddl_may_be_of_gate(p_type text, p_identity text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN p_identity LIKE 'birthgate%' OR p_type IN ('schema', 'event trigger')
      OR EXISTS (SELECT FROM birthgate.baseline_object
                  WHERE object IN (concat(p_type, ' ', p_identity), concat('table ', substring(p_identity FROM ' on (.*)$')),
                                   concat('table ', regexp_replace(p_identity, '\.[^.]*$', ''))));
END
$$;

-- Writes down what a command did to these objects, and that there were more.
CREATE OR REPLACE FUNCTION birthgate.ddl_event_put(p_event text, p_tags text[], p_types text[], p_identities text[], p_more bigint) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
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

-- Whether it is an object of some session alone, or on one. Of a trigger on a temporary table only its name tells, and another
-- object's quoted name cannot pass for one: such a name ends in an odd number of quotes.
CREATE OR REPLACE FUNCTION birthgate.ddl_is_temporary(p_schema text, p_identity text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN coalesce(p_schema ~ '^pg_(toast_)?temp', false)
      OR coalesce(p_identity ~ '^(for )?pg_temp\.| on pg_temp\.([^"]+|"([^"]|"")*")$', false);
END
$$;

-- What was created or changed. An extension's own objects are the extension's; what only writes anew what was there changes nothing.
CREATE OR REPLACE FUNCTION birthgate.ddl_guard_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- What was dropped by name, or with what it stood on. Triggers first: a flood is not to hide that one of them went.
CREATE OR REPLACE FUNCTION birthgate.ddl_guard_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- Which table is about to be written anew.
CREATE OR REPLACE FUNCTION birthgate.ddl_guard_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  PERFORM birthgate.ddl_event_put(TG_EVENT, array_agg(TG_TAG), array_agg('table'::text), array_agg(format('%I.%I', n.nspname, c.relname)), 0)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_event_trigger_table_rewrite_oid() AND c.relpersistence <> 't';
EXCEPTION WHEN OTHERS THEN
  RAISE DEBUG 'the DDL guard did not write % down: %', TG_TAG, SQLERRM;
END
$$;

-- Deletes, at most so many at once, what is older than that; never what is younger than a day, so that nobody clears away
-- what he has just done, nor what came after the gate was last found good.
CREATE OR REPLACE FUNCTION birthgate.ddl_event_prune(p_older_than interval, p_most bigint DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
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
