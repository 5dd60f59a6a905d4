-- What belongs to the whole server. Connected to the database postgres.
SET search_path = pg_catalog;

SELECT 'setting ' || name, setting, source, sourcefile, pending_restart
FROM pg_settings
ORDER BY name;
SELECT 'line of a file ' || sourcefile, sourceline, name, setting, applied FROM pg_file_settings ORDER BY 1, 2;
SELECT 'line of pg_hba.conf', line_number, type, database, user_name, address, auth_method
FROM pg_hba_file_rules
ORDER BY 2;

SELECT 'setting of database or role ' || setdatabase || ' ' || setrole, setconfig FROM pg_db_role_setting ORDER BY 1;
SELECT 'role ' || rolname, to_json(r) FROM pg_authid AS r ORDER BY 1;
SELECT 'membership ' || roleid || ' ' || member || ' ' || grantor, to_json(m) FROM pg_auth_members AS m ORDER BY 1;
SELECT 'database ' || datname, to_json(d)::jsonb - 'datfrozenxid' - 'datminmxid' FROM pg_database AS d ORDER BY 1;
SELECT 'tablespace ' || spcname, to_json(t) FROM pg_tablespace AS t ORDER BY 1;
SELECT 'parameter ' || parname, paracl FROM pg_parameter_acl ORDER BY 1;

SELECT 'replication slot ' || slot_name, slot_type, database, temporary, active FROM pg_replication_slots ORDER BY 1;
SELECT 'replication origin ' || roname FROM pg_replication_origin ORDER BY 1;
SELECT 'subscription ' || subname, to_json(s) FROM pg_subscription AS s ORDER BY 1;
SELECT 'prepared transaction ' || gid, database, owner FROM pg_prepared_xacts ORDER BY 1;
SELECT 'advisory lock', database, classid, objid, objsubid, mode, granted
FROM pg_locks
WHERE locktype = 'advisory'
ORDER BY 2, 3, 4, 5, 6;

SELECT 'configuration was read', pg_conf_load_time();
SELECT 'server was started', pg_postmaster_start_time();
SELECT 'statistics of the writer', stats_reset FROM pg_stat_bgwriter;
SELECT 'statistics of the archiver', stats_reset FROM pg_stat_archiver;
SELECT 'statistics of WAL', stats_reset FROM pg_stat_wal;
SELECT 'statistics of ' || name, stats_reset FROM pg_stat_slru ORDER BY 1;
