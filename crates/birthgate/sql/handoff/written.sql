-- How far the log is written, and how far it is on disk, in bytes. What an asynchronous commit has not yet put on disk, a crash takes back.
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint ELSE 0 END AS inserted,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint ELSE 0 END AS flushed
