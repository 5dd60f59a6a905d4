-- Who waits for the rehearsal, for which relation's lock and for how long, and what they wanted. A row is waited for through
-- the transaction that has it: then there is no relation.
SELECT a.pid, coalesce(a.usename::text, a.backend_type, 'unknown') AS role, coalesce(a.application_name, '') AS application,
       CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END AS object, l.mode,
       coalesce(extract(epoch FROM clock_timestamp() - l.waitstart), 0)::float8 AS seconds, left(a.query, 200) AS query
  FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted
  LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
    ON c.oid = l.relation AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
 WHERE a.pid <> $1 AND $1 = ANY (pg_blocking_pids(a.pid))
