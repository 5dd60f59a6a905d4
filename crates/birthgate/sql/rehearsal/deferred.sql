-- The constraints that are deferred when a transaction begins, as SET CONSTRAINTS names them: it means every constraint of
-- that name in the schema, and refuses where one of them cannot be deferred.
SELECT format('SET CONSTRAINTS %s DEFERRED', string_agg(named.name, ', '))
  FROM (SELECT format('%I.%I', n.nspname, c.conname) AS name
          FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
         WHERE n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)' AND c.contype IN ('f', 'u', 'p', 'x', 't')
         GROUP BY 1 HAVING bool_and(c.condeferred)) AS named
HAVING count(*) > 0
