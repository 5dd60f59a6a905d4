-- The relations that rows can be copied of, with the columns that can be written and what keeps this role from
-- reading all of them. Views are there for the tables that they read.
SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind::text AS kind, c.relpages::bigint * current_setting('block_size')::bigint AS about_bytes,
       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       concat_ws('; ', CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, current_user) END,
                       CASE WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN format('GRANT SELECT ON %I.%I TO %I', n.nspname, c.relname, current_user) END) AS grant,
       c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid) AS row_security, current_user::text AS role
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v') AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)'
