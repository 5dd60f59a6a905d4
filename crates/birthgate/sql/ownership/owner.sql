-- The role that is to own the tables, and the logins that could act as it.
SELECT quote_ident(r.rolname) AS name, r.rolcanlogin AS can_login, r.rolsuper AS is_superuser,
       ARRAY(SELECT quote_ident(m.rolname) FROM pg_roles m
              WHERE m.rolcanlogin AND NOT m.rolsuper AND m.oid <> r.oid AND pg_has_role(m.oid, r.oid, 'MEMBER') ORDER BY 1) AS logins
  FROM pg_roles r WHERE r.rolname = $1
