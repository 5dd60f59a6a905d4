-- The extensions of the original, with the names of what they bring.
SELECT e.extname::text AS name, e.extversion AS version, n.nspname::text AS schema, pg_get_userbyid(e.extowner)::text AS owner,
       coalesce((SELECT array_agg(DISTINCT coalesce(t.typname, p.proname, c.relname)::text) FROM pg_depend d
                   LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
                   LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
                   LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
                  WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e' AND coalesce(t.oid, p.oid, c.oid) IS NOT NULL), '{}') AS members
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY e.oid
