-- A constant default is kept in the catalog: no row is written anew.
ALTER TABLE public.birth_registry
  ADD COLUMN origin text DEFAULT 'legacy',
  ADD COLUMN permit_id bigint,
  ADD COLUMN born_xid xid8,
  ADD COLUMN incarnation bigint,
  ADD COLUMN finalized_at timestamptz,
  ADD COLUMN retired_at timestamptz,
  ADD COLUMN retire_permit_id bigint,
  ADD COLUMN renamed_to text;
