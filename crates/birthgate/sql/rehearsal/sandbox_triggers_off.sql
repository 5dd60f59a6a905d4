-- Rows are copied as they are: no trigger fires, no foreign key is checked. Replica role alone would still
-- fire those that are enabled ALWAYS.
SET session_replication_role = replica;
CREATE TEMP TABLE birthgate_triggers AS
  SELECT format('ALTER TABLE %I.%I', n.nspname, c.relname) AS whose, format('TRIGGER %I', t.tgname) AS which
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT t.tgisinternal AND t.tgenabled = 'A' AND c.oid >= 16384;
CREATE TEMP TABLE birthgate_event_triggers AS
  SELECT format('ALTER EVENT TRIGGER %I', e.evtname) AS which, e.evtenabled FROM pg_event_trigger e WHERE e.evtenabled IN ('A', 'R');
DO $$
DECLARE
  v_trigger record;
BEGIN
  FOR v_trigger IN SELECT * FROM birthgate_event_triggers LOOP
    EXECUTE format('%s DISABLE', v_trigger.which);
  END LOOP;
  FOR v_trigger IN SELECT * FROM birthgate_triggers LOOP
    EXECUTE format('%s DISABLE %s', v_trigger.whose, v_trigger.which);
  END LOOP;
END
$$;
