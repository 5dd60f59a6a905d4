SELECT c.collection_name, f.finding, f.count, f.examples
  FROM birthgate.collection c, LATERAL birthgate.reconcile_rows(c.collection_name) AS f
 WHERE c.mode <> 'disarmed' AND ($1::text IS NULL OR c.collection_name = $1)
 UNION ALL
SELECT collection_name, finding, count, examples FROM birthgate.reconcile_permits($1)
 ORDER BY 1, 2
