-- Rows are copied as they are: no trigger fires, no foreign key is checked. Replica role alone would still
-- fire those that are enabled ALWAYS.
CREATE TEMP TABLE birthgate_triggers AS
  SELECT format('%I.%I', n.nspname, c.relname) AS table_name, t.tgname
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT t.tgisinternal AND t.tgenabled = 'A' AND c.oid >= 16384;
DO $$
DECLARE
  v_trigger record;
BEGIN
  FOR v_trigger IN SELECT * FROM birthgate_triggers LOOP
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', v_trigger.table_name, v_trigger.tgname);
  END LOOP;
END
$$;
SET session_replication_role = replica;
