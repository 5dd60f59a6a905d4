-- About how many births there are, as the planner takes it; -1 where nobody has counted. Of a partitioned registry its parts are counted.
WITH registry AS (
  SELECT to_regclass(CASE WHEN registry_table IS NULL THEN 'birthgate.birth_registry' ELSE format('%I.%I', registry_schema, registry_table) END)::oid AS oid
    FROM birthgate.instance)
SELECT CASE WHEN min(c.reltuples) < 0 THEN -1 ELSE sum(c.reltuples::float8) END
  FROM pg_catalog.pg_class c JOIN registry r ON c.oid = r.oid OR c.oid IN (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = r.oid)
 WHERE c.relkind <> 'p' HAVING count(*) > 0
