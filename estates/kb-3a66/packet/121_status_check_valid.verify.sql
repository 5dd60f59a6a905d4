SELECT convalidated FROM pg_catalog.pg_constraint WHERE conrelid = 'public.birth_registry'::regclass AND conname = 'birth_registry_status_check';
