-- Which relations a view or materialized view reads.
SELECT DISTINCT r.ev_class AS view, d.refobjid AS relation
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm')
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
 WHERE d.refobjid <> r.ev_class AND r.ev_class >= 16384
