-- The tables in which migration tools keep what they applied, where they are there.
SELECT t.tool, format('SELECT %s::text FROM %s WHERE %s', t.version, to_regclass(t.name), t.condition) AS query
  FROM (VALUES ('sqitch', 'sqitch.changes', 'change', 'true'),
               ('schema_migrations', 'schema_migrations', 'version', 'true'),
               ('flyway', 'flyway_schema_history', 'version', 'success AND version IS NOT NULL'),
               ('refinery', 'refinery_schema_history', 'version', 'true'),
               ('sqlx', '_sqlx_migrations', 'version', 'success')) AS t(tool, name, version, condition)
 WHERE to_regclass(t.name) IS NOT NULL
