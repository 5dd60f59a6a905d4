-- The statements that make this server's roles with their memberships, without any password. Some depend on
-- others: a grant on the ADMIN OPTION of who granted it.
SELECT statement FROM (
  SELECT 1 AS place, rolname, format('CREATE ROLE %I', rolname) AS statement FROM pg_roles WHERE rolname !~ '^pg_'
   UNION ALL
  SELECT 2, rolname, format('ALTER ROLE %I %s %s %s %s %s %s %s CONNECTION LIMIT %s%s', rolname,
           CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
           CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
           CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
           CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END, rolconnlimit, ' VALID UNTIL ' || quote_literal(rolvaliduntil))
    FROM pg_roles WHERE rolname !~ '^pg_'
   UNION ALL
  -- Since 16 a membership has options, and each of who granted it is one of its own.
  SELECT 3, r.rolname, format('GRANT %I TO %I WITH ADMIN %s, INHERIT %s, SET %s GRANTED BY %I', g.rolname, r.rolname, m.admin_option::text,
           to_jsonb(m) ->> 'inherit_option', to_jsonb(m) ->> 'set_option', pg_get_userbyid(m.grantor))
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
   WHERE r.rolname !~ '^pg_' AND current_setting('server_version_num')::int >= 160000
   UNION ALL
  SELECT 3, r.rolname, format('GRANT %I TO %I%s', g.rolname, r.rolname, CASE WHEN bool_or(m.admin_option) THEN ' WITH ADMIN OPTION' ELSE '' END)
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
   WHERE r.rolname !~ '^pg_' AND current_setting('server_version_num')::int < 160000 GROUP BY r.rolname, g.rolname
   UNION ALL
  SELECT 4, r.rolname, format('COMMENT ON ROLE %I IS %L', r.rolname, d.description)
    FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid WHERE d.classoid = 'pg_authid'::regclass AND r.rolname !~ '^pg_') AS s
 ORDER BY place, rolname, statement
