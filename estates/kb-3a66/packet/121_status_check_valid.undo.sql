ALTER TABLE public.birth_registry
  DROP CONSTRAINT birth_registry_status_check,
  ADD CONSTRAINT birth_registry_status_check CHECK (status IN ('born', 'finalized', 'retired')) NOT VALID;
