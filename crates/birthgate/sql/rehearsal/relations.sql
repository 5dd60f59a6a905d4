-- Every relation of the database, as it was before: a dropped one has no name any more. Large objects
-- (2613, 2995) are rows of catalogs.
SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind::text AS kind, c.relfilenode
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT LIKE 'pg\_toast%' AND (c.oid >= 16384 OR c.oid IN (2613, 2995)) AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'S', 'f', 'v')
