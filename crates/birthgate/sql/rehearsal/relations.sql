-- Every relation of the database, as it was before: a dropped one has no name any more.
SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relfilenode
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT LIKE 'pg\_toast%' AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'S', 'f', 'v')
