-- The registry's keys, and where its sequence goes on. UNIQUE (entity_code) is the old key: one
-- code, one birth, in whatever collection.

ALTER TABLE public.birth_registry
    ADD PRIMARY KEY (id),
    ADD CONSTRAINT birth_registry_entity_code_key UNIQUE (entity_code);

CREATE INDEX birth_registry_collection_name_idx ON public.birth_registry (collection_name);

SELECT setval(pg_get_serial_sequence('public.birth_registry', 'id'), max(id))
FROM public.birth_registry;
