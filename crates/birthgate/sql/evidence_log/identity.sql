-- Which database this is: by its server's identifier, its timeline, and where it stands. Of the place only what
-- this role may see; what it may not is no difference.
SELECT current_database()::text AS database, (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id::text FROM pg_control_checkpoint())
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int::text END AS timeline,
       jsonb_strip_nulls(jsonb_build_object('database', current_database(), 'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
         'port', (SELECT setting FROM pg_settings WHERE name = 'port'), 'cluster_name', (SELECT setting FROM pg_settings WHERE name = 'cluster_name'),
         'data_directory', (SELECT setting FROM pg_settings WHERE name = 'data_directory'))) AS facts,
       to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS now, pg_is_in_recovery() AS in_recovery
