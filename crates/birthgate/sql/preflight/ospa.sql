-- The table of human approvals as a query names it, and the column that says who approved; NULL where one is not there. What would run
-- somebody's code as whoever asks is not looked at: a view, a type of somebody's own, a table with a function in an index, in
-- statistics or in its partition key that a role which is no superuser can replace.
WITH RECURSIVE relation AS (
  SELECT to_regclass($1)::oid AS oid UNION SELECT i.inhrelid FROM relation r JOIN pg_inherits i ON i.inhparent = r.oid),
part AS (
  SELECT 'pg_class'::regclass::oid AS classid, oid AS objid FROM relation
   UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM relation r JOIN pg_index i ON i.indrelid = r.oid
   UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid FROM relation r JOIN pg_statistic_ext s ON s.stxrelid = r.oid),
needed AS (
  SELECT d.refclassid, d.refobjid FROM part JOIN pg_depend d ON d.classid = part.classid AND d.objid = part.objid AND d.objsubid = 0 AND d.refobjid >= 16384),
plain AS (
  SELECT NOT EXISTS (SELECT FROM relation r JOIN pg_class c ON c.oid = r.oid WHERE c.relkind NOT IN ('r', 'p'))
     AND NOT EXISTS (SELECT FROM needed n JOIN pg_proc p ON n.refclassid = 'pg_proc'::regclass AND p.oid = n.refobjid
                       JOIN pg_roles w ON w.oid = p.proowner WHERE NOT w.rolsuper)
     AND NOT EXISTS (SELECT FROM needed n JOIN pg_operator o ON n.refclassid = 'pg_operator'::regclass AND o.oid = n.refobjid
                       LEFT JOIN pg_proc p ON p.oid = o.oprcode JOIN pg_roles w ON w.oid IN (o.oprowner, p.proowner) WHERE NOT w.rolsuper) AS is_so)
SELECT (SELECT c.oid::regclass::text FROM pg_class c, plain WHERE c.oid = to_regclass($1) AND plain.is_so) AS "table",
       (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped
           AND atttypid < 16384 AND attgenerated <> 'v') AS "column"
