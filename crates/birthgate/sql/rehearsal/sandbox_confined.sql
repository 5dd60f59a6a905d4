-- For SQL of somebody who is not trusted: nobody but this session may do everything, run programs, read files or
-- connect to elsewhere. Who could do everything in the original still sees and writes every row.
DO $$
DECLARE
  v_found record;
BEGIN
  FOR v_found IN SELECT rolname, rolsuper FROM pg_roles WHERE rolname !~ '^pg_' AND rolname NOT IN (session_user, 'birthgate_bootstrap') LOOP
    EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION', v_found.rolname);
    IF v_found.rolsuper THEN
      EXECUTE format('ALTER ROLE %I BYPASSRLS', v_found.rolname);
      EXECUTE format('GRANT pg_read_all_data, pg_write_all_data TO %I', v_found.rolname);
    END IF;
  END LOOP;
  FOR v_found IN
    SELECT g.rolname AS granted, r.rolname AS member
      FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
     WHERE r.rolname !~ '^pg_' AND (g.rolname IN (session_user, 'birthgate_bootstrap') OR g.rolname ~ '^pg_' AND g.rolname NOT IN
           ('pg_read_all_data', 'pg_write_all_data', 'pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables'))
  LOOP
    EXECUTE format('REVOKE %I FROM %I CASCADE', v_found.granted, v_found.member);
  END LOOP;
  -- An owner's GRANT of these is part of the dump.
  FOR v_found IN
    SELECT DISTINCT p.oid::regprocedure AS signature, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
      FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) AS a
     WHERE p.proname ~ '^(birthgate_was_)?(lo_import|lo_export|pg_read_file|pg_read_binary_file|pg_stat_file|pg_ls_|pg_file_|pg_logdir_ls)' AND a.grantee <> p.proowner
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s CASCADE', v_found.signature, v_found.grantee);
  END LOOP;
END
$$;
