-- As they were before the rows came; event triggers last, for these statements are none of theirs.
DO $$
DECLARE
  v_trigger record;
  v_statement text;
  v_event_triggers text[] := ARRAY(SELECT format('%s ENABLE %s', which, CASE evtenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END) FROM birthgate_event_triggers);
BEGIN
  FOR v_trigger IN SELECT * FROM birthgate_triggers LOOP
    EXECUTE format('%s ENABLE ALWAYS %s', v_trigger.whose, v_trigger.which);
  END LOOP;
  DROP TABLE birthgate_triggers, birthgate_event_triggers;
  FOREACH v_statement IN ARRAY v_event_triggers LOOP
    EXECUTE v_statement;
  END LOOP;
END
$$;
RESET session_replication_role;
