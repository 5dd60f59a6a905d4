-- Where sequences stand that this role may read: their values in the sandbox.
SELECT format('%I.%I', n.nspname, c.relname) AS name, s.seqstart AS start, pg_sequence_last_value(c.oid) AS value
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
 WHERE c.relkind = 'S' AND n.nspname !~ '^pg_temp' AND has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT') 
