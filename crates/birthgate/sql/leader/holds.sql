-- Of this very session: behind a pooler of transactions another one may answer.
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_locks
   WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND objsubid = 1
     AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
     AND classid::bigint << 32 | objid::bigint = hashtextextended('birthgate leader', 0)) AND NOT pg_is_in_recovery()
