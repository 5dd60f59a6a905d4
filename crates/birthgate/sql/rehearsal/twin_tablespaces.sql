-- The statements that make this server's tablespaces, each in the copy's own data folder.
SELECT format('CREATE TABLESPACE %I OWNER %I LOCATION %L%s', t.spcname, pg_get_userbyid(t.spcowner), '', ' WITH (' || array_to_string(t.spcoptions, ', ') || ')') AS statement
  FROM pg_tablespace t WHERE t.oid >= 16384
 UNION ALL
SELECT format('GRANT %s ON TABLESPACE %I TO %s%s', x.privilege_type, t.spcname, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
              CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_tablespace t CROSS JOIN LATERAL aclexplode(t.spcacl) AS x WHERE t.oid >= 16384 AND x.grantee <> t.spcowner
 ORDER BY 1
