-- What stands on the old key: foreign keys to it, and views and the like that PostgreSQL lets stand on it alone.
SELECT 'foreign key' AS kind, format('%I on %s', k.conname, k.conrelid::regclass) AS name FROM pg_constraint k
 WHERE k.contype = 'f' AND k.confrelid = $1::text::oid AND k.conindid = to_regclass($2)
 UNION ALL
SELECT DISTINCT 'view', r.ev_class::regclass::text FROM pg_constraint k
  JOIN pg_depend d ON d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_rewrite r ON r.oid = d.objid
 WHERE k.conrelid = $1::text::oid AND k.conindid = to_regclass($2)
 ORDER BY 1, 2
