-- What the gate consists of: Birthgate's own tables and functions, the governed tables with their
-- partitions, the adopted registry, and every function that a trigger of these calls.
WITH relation AS (
  SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'birthgate'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
   UNION
  SELECT t.relid::oid FROM birthgate.collection c, pg_partition_tree(to_regclass(format('%I.%I', c.table_schema, c.table_name))) AS t WHERE c.form IS NOT NULL
   UNION
  SELECT to_regclass(format('%I.%I', c.table_schema, c.table_name))::oid FROM birthgate.collection c WHERE c.form IS NOT NULL
   UNION
  SELECT birthgate.registry_table()::oid)
SELECT ARRAY(SELECT oid FROM relation WHERE oid IS NOT NULL) AS relations,
       ARRAY(SELECT oid FROM pg_proc WHERE pronamespace = 'birthgate'::regnamespace
              UNION SELECT tgfoid FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relation)) AS functions
