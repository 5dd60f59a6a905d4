CREATE UNIQUE INDEX birth_registry_entity_code_collection_name_key ON public.birth_registry (entity_code, collection_name);
