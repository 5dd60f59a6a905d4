-- The constraint takes its index along; this makes the one that was there before it.
ALTER TABLE public.birth_registry DROP CONSTRAINT birth_registry_entity_code_collection_name_key;
CREATE UNIQUE INDEX birth_registry_entity_code_collection_name_key ON public.birth_registry (entity_code, collection_name);
