-- The tables in which migration tools keep what they applied, known by their names and columns, each with a query that
-- answers in the order in which it was applied: version, name, whether it holds, checksum, kind. Of a tool that is not read
-- (=) the names suffice, to know its files by them.
SELECT known.tool, format('%I.%I', n.nspname, c.relname) AS named, pg_table_is_visible(c.oid) AS is_in_path,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS is_readable,
       format('SELECT %s FROM %I.%I %s', known.columns, n.nspname, c.relname, known.rest) AS query
  FROM (VALUES
    ('sqitch', NULL, 'changes', '{change_id,script_hash,change,project,committed_at}',
     'NULL::text AS version, change::text AS name, true AS holds, script_hash::text AS checksum, project::text AS kind',
     'ORDER BY committed_at'),
    ('dbmate', NULL, 'schema_migrations', '{version}',
     'version::text AS version, version::text AS name, true AS holds, NULL::text AS checksum, ''''::text AS kind', 'ORDER BY 1'),
    ('golang-migrate', NULL, 'schema_migrations', '{version,dirty}',
     'version::text AS version, version::text AS name, NOT dirty AS holds, NULL::text AS checksum, ''''::text AS kind', ''),
    ('sqlx', NULL, '_sqlx_migrations', '{version,success,checksum}',
     'version::text AS version, version::text AS name, success AS holds, encode(checksum, ''hex'') AS checksum, ''''::text AS kind',
     'ORDER BY version'),
    ('refinery', NULL, 'refinery_schema_history', '{version,name,checksum}',
     'version::text AS version, name::text AS name, true AS holds, checksum::text AS checksum, ''''::text AS kind', 'ORDER BY version'),
    ('Flyway', NULL, 'flyway_schema_history', '{installed_rank,version,description,type,checksum,success}',
     'version::text AS version, description::text AS name, success AS holds, checksum::text AS checksum, type::text AS kind',
     'ORDER BY installed_rank'),
    ('=goose', NULL, 'goose_db_version', '{version_id,is_applied}', 'version_id::text AS name', ''),
    ('=Prisma', NULL, '_prisma_migrations', '{migration_name}', 'migration_name::text AS name', ''),
    ('=Supabase', 'supabase_migrations', 'schema_migrations', '{version}', 'version::text AS name', ''),
    ('=Atlas', NULL, 'atlas_schema_revisions', '{version}', 'version::text AS name', ''),
    ('=node-pg-migrate', NULL, 'pgmigrations', '{name,run_on}', 'name::text AS name', ''),
    ('=sql-migrate', NULL, 'gorp_migrations', '{id,applied_at}', 'id::text AS name', ''),
    ('=graphile-migrate', 'graphile_migrate', 'migrations', '{filename}', 'filename::text AS name', ''),
    ('=Diesel', NULL, '__diesel_schema_migrations', '{version}', 'version::text AS name', ''),
    ('=Liquibase', NULL, 'databasechangelog', '{id,filename}', 'regexp_replace(filename, ''.*/'', '''')::text AS name', ''),
    ('=Postgrator', NULL, 'schemaversion', '{version,name}', 'version::text AS name', '')
  ) AS known (tool, schema, name, has, columns, rest)
  JOIN pg_class c ON c.relname = known.name AND c.relkind IN ('r', 'p', 'v')
  JOIN pg_namespace n ON n.oid = c.relnamespace AND (known.schema IS NULL OR n.nspname = known.schema)
 WHERE n.nspname NOT LIKE 'pg\_temp%'
   AND NOT EXISTS (
     SELECT FROM unnest(known.has::text[]) AS wanted (name)
      WHERE NOT EXISTS (SELECT FROM pg_attribute a
                         WHERE a.attrelid = c.oid AND a.attname = wanted.name AND a.attnum > 0 AND NOT a.attisdropped))
   -- golang-migrate's table has dbmate's column too, and Supabase's has its name.
   AND NOT (known.tool = 'dbmate' AND EXISTS (
     SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'version'))
 ORDER BY 1, 2
