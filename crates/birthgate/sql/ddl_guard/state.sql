-- Each event trigger of the guard, and what is wrong with it; NULL: nothing.
SELECT g.name, e.evtname IS NOT NULL AS is_there,
       CASE WHEN e.evtname IS NULL THEN 'is not there'
            WHEN e.evtevent <> g.event OR e.evttags IS NOT NULL THEN 'does not see every change'
            WHEN e.evtfoid IS DISTINCT FROM pg_catalog.to_regproc(g.function)::oid THEN 'calls another function'
            WHEN e.evtenabled = 'D' THEN 'is disabled'
            WHEN e.evtenabled <> 'A' THEN 'does not fire for everybody'
            WHEN pg_catalog.current_setting('event_triggers', true) = 'off' THEN 'does not fire: event_triggers is off' END AS wrong
  FROM (VALUES ('birthgate_ddl_end', 'ddl_command_end', 'birthgate.ddl_guard_end'),
               ('birthgate_ddl_drop', 'sql_drop', 'birthgate.ddl_guard_drop'),
               ('birthgate_ddl_rewrite', 'table_rewrite', 'birthgate.ddl_guard_rewrite')) AS g (name, event, function)
  LEFT JOIN pg_catalog.pg_event_trigger e ON e.evtname = g.name
