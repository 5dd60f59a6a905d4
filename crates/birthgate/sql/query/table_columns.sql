SELECT a.attname::text, a.atttypid OPERATOR(pg_catalog.=) ANY ('{json, jsonb}'::pg_catalog.regtype[]),
       a.attname OPERATOR(pg_catalog.=) ANY (c.code_columns)
  FROM birthgate.collection c
  JOIN pg_catalog.pg_attribute a
    ON a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.format('%I.%I', c.table_schema, c.table_name))
 WHERE c.collection_name OPERATOR(pg_catalog.=) $1 AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
   AND a.attgenerated OPERATOR(pg_catalog.=) ''
 ORDER BY a.attnum
