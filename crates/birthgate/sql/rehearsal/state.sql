-- What ROLLBACK does not bring back and can be looked at. The value of a sequence is NULL where it was
-- never used or may not be seen.
SELECT 'sequence' AS kind, format('%I.%I', n.nspname, c.relname) AS name, coalesce(pg_sequence_last_value(c.oid)::text, 'unused') AS value, c.oid AS oid
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_temp' AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'USAGE, SELECT') END
 UNION ALL
SELECT 'replication slot', slot_name::text, concat_ws(' ', plugin, slot_type, confirmed_flush_lsn), NULL FROM pg_replication_slots
 UNION ALL
SELECT 'prepared transaction', gid, transaction::text, NULL FROM pg_prepared_xacts
 UNION ALL
SELECT 'advisory lock', concat_ws('/', classid, objid, objsubid), mode, NULL FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
 UNION ALL
SELECT 'prepared statement', name, md5(statement), NULL FROM pg_prepared_statements WHERE from_sql
 UNION ALL
SELECT 'cursor', name, md5(statement), NULL FROM pg_cursors WHERE is_holdable
 UNION ALL
SELECT 'replication origin', roname, '', NULL FROM pg_replication_origin
