-- What this transaction holds now, and whether it is still the same one; and whether the server tells of
-- temporary files. Of PostgreSQL's own catalogs only what keeps others from writing: every statement reads them, and
-- every change of the schema writes them.
SELECT l.relation AS oid, l.mode, coalesce(c.relfilenode, 0) AS relfilenode,
       pg_current_xact_id_if_assigned()::text AS xid, (pg_current_wal_insert_lsn() - '0/0')::bigint AS wal,
       current_setting('client_min_messages') = 'log' AND current_setting('log_temp_files') = '0' AS hears_temporary_files
  FROM (SELECT 1) AS one
  LEFT JOIN pg_locks l ON l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
       AND (l.relation >= 16384 OR l.relation IN (2613, 2995) OR l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
       AND l.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  LEFT JOIN pg_class c ON c.oid = l.relation
