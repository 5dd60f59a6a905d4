-- What stands around the objects: who asks, and the names that no dependency leads from. Policies, rules and statistics of a session's own
-- temporary relations are told by their bare names.
SELECT current_setting('is_superuser')::boolean AS is_superuser, current_setting('server_version_num')::int >= 150000 AS is_since_15,
       concat_ws(' ', current_user, current_setting('lc_monetary'),
         (SELECT pg_my_temp_schema() FROM pg_class WHERE relpersistence = 't' AND oid IN (
            SELECT ev_class FROM pg_rewrite WHERE rulename <> '_RETURN' UNION ALL SELECT polrelid FROM pg_policy UNION ALL SELECT stxrelid FROM pg_statistic_ext) LIMIT 1)) AS asked_as,
       ARRAY(SELECT oid FROM pg_roles ORDER BY oid) AS role_ids, ARRAY(SELECT rolname::text FROM pg_roles ORDER BY oid) AS role_names,
       ARRAY(SELECT oid FROM pg_namespace ORDER BY oid) AS schema_ids, ARRAY(SELECT nspname::text FROM pg_namespace ORDER BY oid) AS schema_names
