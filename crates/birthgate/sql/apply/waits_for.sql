-- Whom a backend waits for: for a lock, or, building an index beside writers, for old transactions.
SELECT format('pid %s (%s, since %s): %s', a.pid, a.usename, to_char(coalesce(a.xact_start, a.query_start) AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"'), left(a.query, 100))
  FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1)) AND a.pid <> pg_backend_pid()
