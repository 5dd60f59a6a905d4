-- The materialized views in an order in which each comes after those that it reads, be it through views.
WITH RECURSIVE reads AS (
  SELECT DISTINCT r.ev_class AS view, d.refobjid AS relation
    FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
   WHERE d.refobjid <> r.ev_class),
closure AS (
  SELECT c.oid AS view, c.oid AS relation FROM pg_class c WHERE c.relkind = 'm'
   UNION
  SELECT c.view, r.relation FROM closure c JOIN reads r ON r.view = c.relation)
SELECT format('%I.%I', n.nspname, m.relname) AS name, m.relispopulated AS populated,
       array_agg(format('%I.%I', rn.nspname, r.relname)) FILTER (WHERE r.relkind IN ('r', 'p')) AS tables
  FROM closure c JOIN pg_class m ON m.oid = c.view JOIN pg_namespace n ON n.oid = m.relnamespace
  JOIN pg_class r ON r.oid = c.relation JOIN pg_namespace rn ON rn.oid = r.relnamespace
 GROUP BY m.oid, n.nspname ORDER BY count(*) FILTER (WHERE r.relkind = 'm'), 1
