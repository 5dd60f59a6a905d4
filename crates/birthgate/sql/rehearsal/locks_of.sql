-- What the backend of that pid holds now.
SELECT l.relation, l.mode FROM pg_catalog.pg_locks l
 WHERE l.pid = $1 AND l.locktype = 'relation' AND l.granted
   AND (l.relation >= 16384 OR l.relation IN (2613, 2995) OR l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))
   AND l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
