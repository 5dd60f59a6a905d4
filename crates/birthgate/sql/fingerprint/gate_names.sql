-- The names of what enforces the gate.
WITH relation AS (
  SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'birthgate'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
   UNION
  SELECT t.relid::oid FROM birthgate.collection c, pg_partition_tree(to_regclass(format('%I.%I', c.table_schema, c.table_name))) AS t WHERE c.form IS NOT NULL
   UNION
  SELECT to_regclass(format('%I.%I', registry_schema, registry_table))::oid FROM birthgate.instance)
SELECT concat(CASE c.relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END, ' ', format('%I.%I', n.nspname, c.relname))
  FROM relation r JOIN pg_class c ON c.oid = r.oid JOIN pg_namespace n ON n.oid = c.relnamespace
 UNION
SELECT format('%s %I.%I', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, p.proname)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.pronamespace = 'birthgate'::regnamespace OR p.oid IN (SELECT tgfoid FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relation) AND p.oid >= 16384)
