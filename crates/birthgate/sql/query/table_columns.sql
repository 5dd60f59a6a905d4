SELECT a.attname::text, t.typname IN ('json', 'jsonb'), a.attname = ANY (c.code_columns)
  FROM birthgate.collection c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = to_regclass(format('%I.%I', c.table_schema, c.table_name))
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE c.collection_name = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 ORDER BY a.attnum
