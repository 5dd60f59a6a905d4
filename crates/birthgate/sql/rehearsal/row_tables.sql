-- The tables whose rows a sandbox gets, with the columns that can be written.
SELECT c.oid::regclass::text AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 WHERE c.relkind = 'r' AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)'
 GROUP BY c.oid ORDER BY 1
