-- Who waits for the rehearsal, for how long, and what they wanted.
SELECT a.pid, coalesce(extract(epoch FROM clock_timestamp() - l.waitstart), 0)::float8 AS seconds, left(a.query, 200) AS query
  FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted
 WHERE a.pid <> $1 AND $1 = ANY (pg_blocking_pids(a.pid))
