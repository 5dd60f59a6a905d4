-- Who the virtual transactions are. Of others' sessions only pg_read_all_stats sees query and times.
SELECT DISTINCT l.virtualtransaction, l.pid, a.usename::text AS login, a.application_name, a.state, p.gid,
       coalesce(p.prepared, a.xact_start) AS since, a.query_start, left(a.query, 200) AS query
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN pg_catalog.pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
  LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
 WHERE l.virtualtransaction = ANY ($1) AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
 ORDER BY since NULLS LAST
