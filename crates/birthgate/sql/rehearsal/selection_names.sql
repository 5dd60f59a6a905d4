-- The names by which a plan could reach something: relations, types and functions of users, with the bodies of functions.
SELECT 'relation' AS what, c.oid, n.nspname::text AS schema, c.relname::text AS name, format('%I.%I', n.nspname, c.relname) AS quoted, NULL::text AS body
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)'
 UNION ALL
-- An index or a composite type is named instead of its table or column.
SELECT 'part', i.indrelid, n.nspname::text, c.relname::text, NULL, NULL
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indexrelid = c.oid WHERE c.oid >= 16384 AND n.nspname !~ '^pg_toast'
 UNION ALL
SELECT 'type', t.oid, n.nspname::text, t.typname::text, NULL, NULL
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE t.oid >= 16384 AND t.typcategory <> 'A' AND coalesce(c.relkind, 'c') = 'c' AND n.nspname !~ '^pg_toast'
 UNION ALL
SELECT 'function', p.oid, n.nspname::text, p.proname::text, NULL, p.prosrc
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
