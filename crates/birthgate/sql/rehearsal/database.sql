-- What a sandbox must be like.
SELECT current_database() AS name, current_user AS role, session_user AS login, current_setting('server_version') AS server,
       to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS now, current_setting('server_version_num')::int / 10000 AS major,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser, pg_is_in_recovery() AS in_recovery
