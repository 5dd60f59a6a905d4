-- Who holds locks on these tables.
SELECT DISTINCT format('pid %s (%s, %s since %s): %s', a.pid, a.usename, a.state, to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"'), left(a.query, 100))
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.relation = ANY (SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name)
 LIMIT 5
