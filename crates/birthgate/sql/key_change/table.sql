-- The table, the columns of both keys as they are spelled, and the unique index that is the old key.
WITH t AS (SELECT c.oid, c.relkind, c.relispartition, c.relreplident, format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema, c.relname
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)),
from_key AS (SELECT array_agg(a.attnum ORDER BY a.attnum) AS nums FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = ANY ($2::text[]) AND NOT a.attisdropped)
SELECT t.oid::text, t.name, t.schema, t.relname::text AS table_name, t.relkind = 'p' AS partitioned, t.relkind IN ('r', 'p') AS is_table,
       ARRAY(SELECT wanted FROM unnest($2::text[] || $3::text[]) AS wanted
              WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = wanted AND a.attnum > 0 AND NOT a.attisdropped)) AS missing,
       ARRAY(SELECT quote_ident(c) FROM unnest($2::text[]) WITH ORDINALITY AS u (c, n) ORDER BY n) AS quoted_from,
       ARRAY(SELECT quote_ident(c) FROM unnest($3::text[]) WITH ORDINALITY AS u (c, n) ORDER BY n) AS quoted_to,
       quote_ident(t.schema) AS quoted_schema, k.indexrelid::regclass::text AS old_index, quote_ident(con.conname) AS old_constraint, pg_get_indexdef(k.indexrelid) AS old_definition,
       coalesce(k.indisreplident OR k.indisprimary AND t.relreplident = 'd', false) AS is_replica_identity,
       coalesce(pg_relation_size(k.indexrelid), 0) AS old_bytes,
       (SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = cardinality($3::text[])
           AND ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS n JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = n ORDER BY 1)
             = ARRAY(SELECT unnest($3::text[]) ORDER BY 1) LIMIT 1) AS new_index,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i
              WHERE i.indrelid = t.oid AND i.indisunique AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL) ORDER BY 1) AS partial_keys,
       ARRAY(SELECT a.attname::text FROM pg_partitioned_table p CROSS JOIN unnest(p.partattrs::int2[]) AS n JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = n
              WHERE p.partrelid = t.oid) AS partition_columns,
       (SELECT sum(s.avg_width)::float8 FROM pg_stats s WHERE s.schemaname = t.schema AND s.tablename = t.relname AND s.attname = ANY ($2::text[])) AS old_width,
       (SELECT sum(s.avg_width)::float8 FROM pg_stats s WHERE s.schemaname = t.schema AND s.tablename = t.relname AND s.attname = ANY ($3::text[])) AS new_width,
       to_regclass('pg_stat_statements')::text AS statements_view
  FROM t LEFT JOIN LATERAL (
    SELECT i.* FROM pg_index i
     WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = cardinality($2::text[])
       AND ARRAY(SELECT unnest(i.indkey[0:i.indnkeyatts - 1]) ORDER BY 1) = (SELECT nums FROM from_key)
     ORDER BY i.indexrelid LIMIT 1) AS k ON true
  LEFT JOIN pg_constraint con ON con.conindid = k.indexrelid AND con.conrelid = t.oid AND con.contype IN ('p', 'u')
