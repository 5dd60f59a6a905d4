-- The logins that could have changed it: superusers, those who act as an owner of something in the gate, and those who may
-- make themselves one.
SELECT quote_ident(r.rolname) || CASE WHEN r.rolsuper THEN ' (superuser)' WHEN pg_has_role(r.oid, 'birthgate_owner', 'MEMBER') THEN ' (acts as birthgate_owner)'
                                      WHEN r.rolcreaterole THEN ' (may make roles)' ELSE ' (acts as the table''s owner)' END
  FROM pg_roles r
 WHERE r.rolcanlogin AND (r.rolsuper OR r.rolcreaterole OR pg_has_role(r.oid, 'birthgate_owner', 'MEMBER')
       OR EXISTS (SELECT FROM birthgate.collection c JOIN pg_class t ON t.oid = to_regclass(format('%I.%I', c.table_schema, c.table_name))
                   WHERE c.mode <> 'listed' AND pg_has_role(r.oid, t.relowner, 'MEMBER')))
 ORDER BY NOT r.rolsuper, r.rolname LIMIT 20
