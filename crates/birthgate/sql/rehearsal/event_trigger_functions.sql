-- The functions that changes of the schema fire, but for the sandbox's own.
SELECT p.proname::text FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE e.evtenabled <> 'D' AND n.nspname <> 'birthgate_tripwire'
