-- Whether a daemon leads.
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_locks
   WHERE locktype = 'advisory' AND granted AND objsubid = 1
     AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
     AND classid::bigint << 32 | objid::bigint = hashtextextended('birthgate leader', 0)) AS leads
