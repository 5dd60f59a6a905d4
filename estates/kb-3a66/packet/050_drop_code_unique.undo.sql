-- Possible until a code is born in a second collection.
ALTER TABLE public.birth_registry ADD CONSTRAINT birth_registry_entity_code_key UNIQUE (entity_code);
