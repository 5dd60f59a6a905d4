-- The extensions of the original.
SELECT e.extname::text AS name, e.extversion AS version, n.nspname::text AS schema, pg_get_userbyid(e.extowner)::text AS owner
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY e.oid
