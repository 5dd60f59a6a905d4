-- Bytes of the registry, of its indexes, of the permits and of theirs; partitions counted.
SELECT sum(pg_table_size(oid)) FILTER (WHERE is_registry)::float8, sum(pg_indexes_size(oid)) FILTER (WHERE is_registry)::float8,
       sum(pg_table_size(oid)) FILTER (WHERE NOT is_registry)::float8, sum(pg_indexes_size(oid)) FILTER (WHERE NOT is_registry)::float8
  FROM (SELECT oid, relname <> 'birth_admission_permit' AS is_registry FROM pg_class
         WHERE relnamespace = 'birthgate'::regnamespace AND relkind = 'r'
           AND (relname IN ('birth_registry', 'birth_admission_permit')
                OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'birthgate.birth_registry'::regclass))) AS t
