-- What the gate consists of: Birthgate's own tables and functions, the governed tables with everything that inherits
-- from them, the adopted registry, every function that a trigger of these calls, and what somebody put into pg_catalog, where
-- the gate's own functions look names up: cardinality(text[]) there is called instead of the built-in one. The months of the permits' archive
-- come by themselves; they are written through their root, whose guards they have.
WITH RECURSIVE relation AS (
  SELECT c.oid FROM pg_class c WHERE c.relnamespace IN ('birthgate'::regnamespace, to_regnamespace('birthgate_evidence')) AND c.relkind IN ('r', 'p', 'v', 'S')
     AND NOT (c.relispartition AND c.relname ~ '^permit_archive_')
   UNION
  SELECT to_regclass(format('%I.%I', c.table_schema, c.table_name))::oid FROM birthgate.collection c WHERE c.form IS NOT NULL
   UNION
  SELECT birthgate.registry_table()::oid
   UNION
  SELECT i.inhrelid FROM relation r JOIN pg_inherits i ON i.inhparent = r.oid AND i.inhparent <> 'birthgate.permit_archive'::regclass)
SELECT ARRAY(SELECT oid FROM relation WHERE oid IS NOT NULL) AS relations,
       ARRAY(SELECT oid FROM pg_proc WHERE pronamespace IN ('birthgate'::regnamespace, to_regnamespace('birthgate_look'), to_regnamespace('birthgate_evidence'))
              UNION SELECT tgfoid FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relation)
              UNION SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND oid >= 16384) AS functions
