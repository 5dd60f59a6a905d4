-- Who may do what, who is a member of whom, and every object of ours with its owner and its code, as one hash.
SELECT md5(string_agg(line, E'\n' ORDER BY line COLLATE "C")) FROM (
  SELECT concat_ws(' ', 'function', p.oid, p.proowner, p.prosecdef, p.proacl::text, p.proconfig::text, md5(p.prosrc)) AS line
    FROM pg_proc p WHERE p.pronamespace::regnamespace::text LIKE 'birthgate%'
  UNION ALL SELECT concat_ws(' ', 'relation', c.oid, c.relname, c.relowner, c.relacl::text, c.relkind) FROM pg_class c WHERE c.relnamespace::regnamespace::text LIKE 'birthgate%'
  UNION ALL SELECT concat_ws(' ', 'schema', n.oid, n.nspname, n.nspowner, n.nspacl::text) FROM pg_namespace n WHERE n.nspname LIKE 'birthgate%'
  UNION ALL SELECT concat_ws(' ', 'role', r.oid, r.rolname, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls, r.rolcanlogin) FROM pg_roles r
             WHERE r.rolname IN ('app', 'thing_owner', 'postgres') OR r.rolname LIKE 'birthgate%'
  UNION ALL SELECT concat_ws(' ', 'member', m.roleid::regrole, m.member::regrole, m.admin_option) FROM pg_auth_members m
             WHERE m.member::regrole::text IN ('app', 'thing_owner') OR m.member::regrole::text LIKE 'birthgate%'
  UNION ALL SELECT concat_ws(' ', 'collection', c.collection_name, c.mode, c.code_expression, c.match_expression) FROM birthgate.collection c
  UNION ALL SELECT concat_ws(' ', 'trigger', t.tgname, t.tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace::regnamespace::text LIKE 'birthgate%'
) AS lines
