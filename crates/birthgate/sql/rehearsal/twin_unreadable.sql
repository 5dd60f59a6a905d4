-- The tables that pg_dump could not lock, with what would let it.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       concat_ws('; ', CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, current_user) END,
                       CASE WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN format('GRANT SELECT ON %I.%I TO %I', n.nspname, c.relname, current_user) END) AS grant
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)'
   AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
   -- What an extension owns comes with it.
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
