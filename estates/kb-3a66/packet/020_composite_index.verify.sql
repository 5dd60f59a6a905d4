SELECT indisvalid AND indisready FROM pg_catalog.pg_index WHERE indexrelid = 'public.birth_registry_entity_code_collection_name_key'::regclass;
