-- Where sequences stand that this role may read.
SELECT format('%I.%I', n.nspname, c.relname) AS name, s.seqstart AS start, pg_sequence_last_value(c.oid) AS value
  FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 -- CASE: nothing is asked about what is no sequence, in whatever order this is evaluated.
 WHERE n.nspname !~ '^pg_temp' AND CASE c.relkind WHEN 'S' THEN has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT') END
