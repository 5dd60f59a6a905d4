-- Reads every row, and nobody who writes waits for it.
ALTER TABLE public.birth_registry VALIDATE CONSTRAINT birth_registry_status_check;
