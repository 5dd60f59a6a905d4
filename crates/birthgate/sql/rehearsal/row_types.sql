-- Of each table, what the text of its rows is made of.
SELECT format('%I.%I', n.nspname, c.relname) AS name,
       string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attgenerated, a.attisdropped), ',' ORDER BY a.attnum) AS row_type
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relkind = 'r' AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)'
 GROUP BY 1
