-- Makes the event triggers, or sets them right. One that stands is not touched: whoever may make none may ask all the same.
DO $$
DECLARE
  v_guard record;
BEGIN
  FOR v_guard IN
    SELECT g.name, g.event, g.function, e.evtname IS NOT NULL AS is_there,
           e.evtevent = g.event AND e.evttags IS NULL AND e.evtfoid = pg_catalog.to_regproc(g.function)::oid AS is_right, e.evtenabled = 'A' AS is_always
      FROM (VALUES ('birthgate_ddl_end', 'ddl_command_end', 'birthgate.ddl_guard_end'),
                   ('birthgate_ddl_drop', 'sql_drop', 'birthgate.ddl_guard_drop'),
                   ('birthgate_ddl_rewrite', 'table_rewrite', 'birthgate.ddl_guard_rewrite')) AS g (name, event, function)
      LEFT JOIN pg_catalog.pg_event_trigger e ON e.evtname = g.name
  LOOP
    IF v_guard.is_right IS NOT TRUE THEN
      IF v_guard.is_there THEN
        EXECUTE pg_catalog.format('DROP EVENT TRIGGER %I', v_guard.name);
      END IF;
      EXECUTE pg_catalog.format('CREATE EVENT TRIGGER %I ON %I EXECUTE FUNCTION %s()', v_guard.name, v_guard.event, v_guard.function);
    END IF;
    IF v_guard.is_right IS NOT TRUE OR NOT v_guard.is_always THEN
      EXECUTE pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE ALWAYS', v_guard.name);
    END IF;
  END LOOP;
END
$$
