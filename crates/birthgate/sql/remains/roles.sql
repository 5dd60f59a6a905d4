-- The roles of Birthgate that are still there, who is a member of them beside themselves, and which databases use them.
SELECT r.rolname::text AS name,
       ARRAY(SELECT pg_catalog.pg_get_userbyid(m.member)::text FROM pg_catalog.pg_auth_members m
              WHERE m.roleid = r.oid AND pg_catalog.pg_get_userbyid(m.member) NOT LIKE 'birthgate\_%' ORDER BY 1) AS members,
       ARRAY(SELECT DISTINCT d.datname::text FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid
              WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = r.oid ORDER BY 1) AS databases
  FROM pg_catalog.pg_roles r
 WHERE r.rolname IN ('birthgate_owner', 'birthgate_admitter', 'birthgate_registrar', 'birthgate_breakglass',
                     'birthgate_auditor', 'birthgate_reader')
 ORDER BY r.rolname;
