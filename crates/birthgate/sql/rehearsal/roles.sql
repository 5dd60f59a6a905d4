-- The statements that make this server's roles, their memberships and settings elsewhere, without any password.
SELECT statement FROM (
  SELECT 1 AS place, rolname, format('CREATE ROLE %I', rolname) AS statement FROM pg_roles WHERE rolname !~ '^pg_'
   UNION ALL
  SELECT 2, rolname, format('ALTER ROLE %I %s %s %s %s %s %s %s', rolname,
           CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
           CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
           CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
           CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END)
    FROM pg_roles WHERE rolname !~ '^pg_'
   UNION ALL
  SELECT 3, r.rolname, format('GRANT %I TO %I%s', g.rolname, r.rolname, CASE WHEN bool_or(m.admin_option) THEN ' WITH ADMIN OPTION' ELSE '' END)
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
   WHERE r.rolname !~ '^pg_' GROUP BY r.rolname, g.rolname
   UNION ALL
  SELECT 4, r.rolname, format('ALTER ROLE %I SET %I TO %L', r.rolname, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1))
    FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS c
   WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
     AND split_part(c, '=', 1) NOT IN ('search_path', 'session_preload_libraries', 'local_preload_libraries')) AS s
 ORDER BY place, rolname, statement
