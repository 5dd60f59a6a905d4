-- The table of human approvals as a query names it, and the column that says who approved; NULL where one is not there.
SELECT to_regclass($1)::text AS "table",
       (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped) AS "column"
