SELECT count(*) = 2 FROM pg_catalog.pg_proc
 WHERE oid IN ('public.fn_birth_registry_auto()'::regprocedure, 'public.fn_birth_registry_auto_id()'::regprocedure)
   AND prosrc ~ 'ON CONFLICT DO NOTHING';
