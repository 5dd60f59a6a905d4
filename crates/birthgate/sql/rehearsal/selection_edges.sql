-- What brings what with it: `kind` says how.
SELECT 'family' AS kind, inhrelid AS from, inhparent AS to FROM pg_inherits
 UNION ALL
SELECT CASE WHEN confdeltype NOT IN ('a', 'r') OR confupdtype NOT IN ('a', 'r') THEN 'passes on' ELSE 'refers' END, conrelid, confrelid
  FROM pg_constraint WHERE contype = 'f' AND confrelid <> conrelid
 UNION ALL
SELECT DISTINCT 'reads', r.ev_class, d.refobjid FROM pg_rewrite r
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
 WHERE d.refobjid <> r.ev_class AND r.ev_class >= 16384
 UNION ALL
SELECT 'calls', t.tgrelid, t.tgfoid FROM pg_trigger t WHERE NOT t.tgisinternal
 UNION ALL
SELECT 'always', 0, e.evtfoid FROM pg_event_trigger e WHERE e.evtenabled <> 'D'
 UNION ALL
-- Sequences of columns.
SELECT 'owns', d.refobjid, d.objid FROM pg_depend d
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
   AND d.objid IN (SELECT oid FROM pg_class WHERE relkind = 'S')
 UNION ALL
-- What defaults, checks, indexes and policies of a table call or read.
SELECT CASE d.refclassid WHEN 'pg_proc'::regclass THEN 'calls' ELSE 'uses' END, x.relation, d.refobjid
  FROM (SELECT 'pg_attrdef'::regclass AS class, oid, adrelid AS relation FROM pg_attrdef UNION ALL
        SELECT 'pg_constraint'::regclass, oid, conrelid FROM pg_constraint WHERE contype = 'c' UNION ALL
        SELECT 'pg_class'::regclass, indexrelid, indrelid FROM pg_index UNION ALL
        SELECT 'pg_policy'::regclass, oid, polrelid FROM pg_policy) AS x
  JOIN pg_depend d ON d.classid = x.class AND d.objid = x.oid AND d.refclassid IN ('pg_proc'::regclass, 'pg_class'::regclass) AND d.refobjid >= 16384
 WHERE x.relation >= 16384 AND d.refobjid <> x.relation
