-- What the tables have to be like to be tailed: an index that leads with id, and ids in the order in which they were taken.
WITH tables AS (
  SELECT 'birth_registry' AS name, to_regclass(CASE WHEN registry_table IS NULL THEN 'birthgate.birth_registry' ELSE format('%I.%I', registry_schema, registry_table) END) AS oid FROM birthgate.instance
   UNION ALL
  SELECT 'registry_changelog', to_regclass(CASE WHEN changelog_table IS NULL THEN 'birthgate.registry_changelog' ELSE format('%I.%I', changelog_schema, changelog_table) END) FROM birthgate.instance)
SELECT t.oid::regclass::text AS "table", a.atttypid IN ('int8'::regtype, 'int4'::regtype, 'int2'::regtype) AS is_integer,
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL) AS is_indexed,
       q.seqrelid::regclass::text AS sequence, coalesce(q.seqcache = 1 AND q.seqincrement > 0 AND NOT q.seqcycle, false) AS is_in_order
  FROM tables t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = 'id'
  LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = coalesce(
       to_regclass(pg_get_serial_sequence(t.oid::regclass::text, 'id')),
       (SELECT d.refobjid::regclass FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid AND f.adrelid = t.oid AND f.adnum = a.attnum
         WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
           AND EXISTS (SELECT FROM pg_catalog.pg_class s WHERE s.oid = d.refobjid AND s.relkind = 'S') LIMIT 1))
