-- Whether the evidence log is there, and whose: made by a superuser, or, for who is none, by somebody that this role may act as.
-- Another's could run his code as whoever reads it; and a superuser may act as everybody. No name is looked up in a schema that this role may not use.
SELECT c.oid IS NOT NULL AS is_there,
       NOT EXISTS (SELECT FROM unnest(ARRAY[n.nspowner, c.relowner, i.relowner]) AS owner(oid) JOIN pg_catalog.pg_roles r ON r.oid = owner.oid
                    WHERE NOT (r.rolsuper OR pg_has_role(r.oid, 'USAGE') AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)))
         AND coalesce(c.relkind = 'r', true) AND coalesce(i.relkind = 'r', true)
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_class o WHERE o.relnamespace = n.oid AND o.relkind NOT IN ('r', 'i'))
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_class o JOIN pg_catalog.pg_trigger t ON t.tgrelid = o.oid JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
                          WHERE o.relnamespace = n.oid AND p.pronamespace <> n.oid) AS is_trusted,
       coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(i.oid, 'SELECT'), false) AS is_readable,
       coalesce(pg_has_role(n.nspowner, 'USAGE'), true) AS is_own
  FROM (SELECT 1) AS one
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'birthgate_evidence'
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'log'
  LEFT JOIN pg_catalog.pg_class i ON i.relnamespace = n.oid AND i.relname = 'instance'
