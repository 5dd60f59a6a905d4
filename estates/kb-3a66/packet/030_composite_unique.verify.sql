SELECT count(*) = 1 FROM pg_catalog.pg_constraint
 WHERE conrelid = 'public.birth_registry'::regclass AND conname = 'birth_registry_entity_code_collection_name_key' AND contype = 'u';
