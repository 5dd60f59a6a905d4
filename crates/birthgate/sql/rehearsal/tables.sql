-- Every table that has rows of its own, large objects among them, and every sequence. What the DDL guard writes down is no
-- step's, and no undo's business.
SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'S') AND (c.oid >= 16384 OR c.oid IN (2613, 2995)) AND has_table_privilege(c.oid, 'SELECT')
   AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)' AND n.nspname <> 'birthgate_tripwire'
   AND (n.nspname, c.relname) <> ('birthgate', 'ddl_event')
 ORDER BY 1
