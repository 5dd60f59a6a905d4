SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = 'birthgate.birth_registry'::regclass;
