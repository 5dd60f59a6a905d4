-- What this login and this server are. Reads catalogs alone.
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major,
       pg_is_in_recovery() AS standby, session_user::text AS login, current_database()::text AS database,
       r.rolsuper AS superuser, r.rolcreaterole OR r.rolsuper AS makes_roles,
       has_database_privilege(current_database(), 'CREATE') AS makes_schemas,
       has_database_privilege(current_database(), 'TEMPORARY') AS makes_temporary,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_sessions,
       -- The sandbox copies them; its rows too, where they are asked for.
       ARRAY(SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'birthgate', 'birthgate_evidence')
                AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
              ORDER BY 1 LIMIT 4) AS unreadable,
       -- They hold the handoff's fence, and VACUUM, until somebody ends them.
       ARRAY(SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND prepared < clock_timestamp() - interval '5 minutes' ORDER BY prepared LIMIT 4) AS prepared,
       current_setting('event_triggers', true) IS NOT DISTINCT FROM 'off' AS event_triggers_off,
       EXISTS (SELECT FROM pg_roles o WHERE o.rolname = 'birthgate_owner' AND pg_has_role(o.oid, 'MEMBER')) AS acts_as_owner
  FROM pg_roles r WHERE r.rolname = session_user
