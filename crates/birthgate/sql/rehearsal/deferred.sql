-- The constraints that are deferred when a transaction begins, as SET CONSTRAINTS names them.
SELECT format('SET CONSTRAINTS %s DEFERRED', string_agg(DISTINCT format('%I.%I', n.nspname, c.conname), ', '))
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE c.condeferred AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)' HAVING count(*) > 0
