ALTER TABLE public.birth_registry
  DROP COLUMN origin, DROP COLUMN permit_id, DROP COLUMN born_xid, DROP COLUMN incarnation,
  DROP COLUMN finalized_at, DROP COLUMN retired_at, DROP COLUMN retire_permit_id, DROP COLUMN renamed_to;
