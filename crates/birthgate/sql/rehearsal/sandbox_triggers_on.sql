-- As they were before the rows came.
RESET session_replication_role;
DO $$
DECLARE
  v_trigger record;
BEGIN
  FOR v_trigger IN SELECT * FROM birthgate_triggers LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', v_trigger.table_name, v_trigger.tgname);
  END LOOP;
END
$$;
DROP TABLE birthgate_triggers;
