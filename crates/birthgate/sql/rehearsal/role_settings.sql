-- What ALTER DATABASE and ALTER ROLE … SET wrote, for this database or for every one.
SELECT (SELECT r.rolname::text FROM pg_roles r WHERE r.oid = s.setrole) AS role, s.setdatabase <> 0 AS of_database,
       split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
  FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c
 WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   AND (s.setrole = 0 OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.setrole))
