-- Births that are there already, with their rows and permits: written past the triggers.
DO $$
DECLARE
  v_table regclass;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['public.item', 'birthgate.birth_admission_permit',
                                 'birthgate.birth_registry']::regclass[] LOOP
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', v_table);
  END LOOP;
END
$$;
INSERT INTO public.item (code, name)
SELECT format('B-%s', lpad(n::text, 9, '0')), 'an item' FROM generate_series(1, {births}) AS n;
INSERT INTO birthgate.birth_admission_permit
       (kind, state, collection_name, entity_code, requester, holder, requested_at, expires_at,
        reserved_at, consumed_at, consumed_by, consumed_xid, incarnation, finalized_at)
SELECT 'birth', 'FINALIZED', 'item', format('B-%s', lpad(n::text, 9, '0')), 'bench_app', 'bench_app',
       now(), now() + interval '15 minutes', now(), now(), 'bench_app', pg_current_xact_id(), 1, now()
  FROM generate_series(1, {births}) AS n;
INSERT INTO birthgate.birth_registry
       (entity_code, collection_name, status, origin, permit_id, born_at, born_xid, incarnation, finalized_at)
SELECT entity_code, 'item', 'finalized', 'permit', id, now(), pg_current_xact_id(), 1, now()
  FROM birthgate.birth_admission_permit ORDER BY id;
DO $$
DECLARE
  v_trigger record;
BEGIN
  FOR v_trigger IN
    SELECT tgrelid::regclass AS name, tgname FROM pg_catalog.pg_trigger
     WHERE tgenabled = 'D' AND NOT tgisinternal
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', v_trigger.name, v_trigger.tgname);
  END LOOP;
END
$$;
