-- What relations ($1) and functions ($2) depend on: the functions of their triggers, defaults, constraints, indexes,
-- rules and policies, the relations under views, parents, all of it again (not partitions: others make and drop those; one
-- that a step changes or locks is named anyway); and one step further the
-- tables on the other end of foreign keys and the views that stand on them. Under a pinned search_path.
WITH RECURSIVE closure(classid, objid) AS (
  SELECT 'pg_class'::regclass::oid, oid FROM unnest($1::oid[]) AS oid
   UNION SELECT 'pg_proc'::regclass::oid, oid FROM unnest($2::oid[]) AS oid
   UNION
  SELECT next.classid, next.objid FROM closure c CROSS JOIN LATERAL (
    SELECT 'pg_proc'::regclass::oid AS classid, t.tgfoid AS objid FROM pg_trigger t WHERE c.classid = 'pg_class'::regclass AND t.tgrelid = c.objid
     UNION ALL
    -- What the parts of a relation refer to.
    SELECT d.refclassid, d.refobjid FROM (
        SELECT 'pg_attrdef'::regclass::oid AS classid, oid FROM pg_attrdef WHERE adrelid = c.objid
         UNION ALL SELECT 'pg_constraint'::regclass::oid, oid FROM pg_constraint WHERE conrelid = c.objid AND contype <> 'f'
         UNION ALL SELECT 'pg_class'::regclass::oid, indexrelid FROM pg_index WHERE indrelid = c.objid
         UNION ALL SELECT 'pg_rewrite'::regclass::oid, oid FROM pg_rewrite WHERE ev_class = c.objid
         UNION ALL SELECT 'pg_policy'::regclass::oid, oid FROM pg_policy WHERE polrelid = c.objid
         UNION ALL SELECT 'pg_trigger'::regclass::oid, oid FROM pg_trigger WHERE tgrelid = c.objid) AS part
      JOIN pg_depend d ON d.classid = part.classid AND d.objid = part.oid
     WHERE c.classid = 'pg_class'::regclass AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass) AND d.refobjid >= 16384
     UNION ALL
    SELECT 'pg_class'::regclass::oid, inhparent FROM pg_inherits WHERE c.classid = 'pg_class'::regclass AND inhrelid = c.objid
     UNION ALL
    SELECT d.refclassid, d.refobjid FROM pg_depend d
     WHERE c.classid = 'pg_proc'::regclass AND d.classid = 'pg_proc'::regclass AND d.objid = c.objid
       AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass) AND d.refobjid >= 16384) AS next),
relation AS (
  SELECT objid FROM closure WHERE classid = 'pg_class'::regclass
   UNION SELECT k.confrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = ANY ($1)
   UNION SELECT k.conrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = ANY ($1)
   UNION SELECT r.ev_class FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
          WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1))
SELECT concat(CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
              ' ', format('%I.%I', n.nspname, c.relname))
  FROM relation r JOIN pg_class c ON c.oid = r.objid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)'
 UNION
SELECT format('%s %I.%I', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, p.proname)
  FROM closure c JOIN pg_proc p ON p.oid = c.objid JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE c.classid = 'pg_proc'::regclass AND p.oid >= 16384
