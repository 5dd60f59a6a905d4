-- Every relation of the database, as it was before: a dropped one has no name any more. Large objects
-- (2613, 2995) are rows of catalogs; the other catalogs have a kind of their own, since their rows are nobody's content.
SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name,
       CASE WHEN c.oid >= 16384 OR c.oid IN (2613, 2995) THEN c.relkind::text ELSE 'catalog' END AS kind, c.relfilenode
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT LIKE 'pg\_toast%' AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'S', 'f', 'v')
   AND (c.oid >= 16384 OR c.oid IN (2613, 2995) OR c.relkind = 'r' AND n.nspname = 'pg_catalog')
