-- The roles that other databases of the server depend on: DROP ROLE fails there.
SELECT DISTINCT quote_ident(r.rolname) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
 WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname !~ '^pg_'
   AND d.dbid NOT IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
