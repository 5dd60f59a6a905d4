-- What weakens the gate from outside of its tables: roles that may do everything or act as Birthgate's, settings of roles
-- and of the server, event triggers, default privileges, the schemas, the languages, what the gate's code means; what
-- Birthgate keeps of it; and when each trigger was last written, since one that is switched off and on again within a
-- transaction leaves nothing else behind.
WITH gate_role AS (
  SELECT oid FROM pg_roles WHERE rolname IN ('birthgate_owner', 'birthgate_reader', 'birthgate_registrar', 'birthgate_breakglass', 'birthgate_auditor')
   UNION SELECT c.relowner FROM pg_class c WHERE c.oid = ANY ($1)
   UNION SELECT p.proowner FROM pg_proc p WHERE p.oid = ANY ($2)),
-- Who acts as one of these weakens the gate.
strong_role AS (
  SELECT oid FROM gate_role
   UNION SELECT oid FROM pg_roles WHERE rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program', 'pg_maintain')),
gate_schema AS (
  SELECT relnamespace AS oid FROM pg_class WHERE oid = ANY ($1) UNION SELECT pronamespace FROM pg_proc WHERE oid = ANY ($2)
   UNION SELECT 'pg_catalog'::regnamespace)
SELECT 'role' AS kind, quote_ident(r.rolname) AS identity,
       jsonb_strip_nulls(jsonb_build_object('superuser', r.rolsuper, 'createrole', r.rolcreaterole, 'replication', r.rolreplication,
         'bypassrls', r.rolbypassrls, 'login', r.rolcanlogin,
         -- Through other roles as well. A superuser acts as all of them.
         'acts as', CASE WHEN NOT r.rolsuper THEN
                     (SELECT string_agg(concat(quote_ident(g.name), CASE WHEN NOT pg_has_role(r.oid, g.oid, 'USAGE') THEN ' without inheriting' END,
                                               CASE WHEN current_setting('server_version_num')::int >= 160000 THEN
                                                    CASE WHEN NOT pg_has_role(r.oid, g.oid, 'SET') THEN ' without SET ROLE' END END,
                                               CASE WHEN pg_has_role(r.oid, g.oid, 'MEMBER WITH ADMIN OPTION') THEN ' and may grant it' END),
                                        ', ' ORDER BY g.name COLLATE "C")
                        FROM (SELECT oid, pg_get_userbyid(oid) AS name FROM strong_role) AS g
                       WHERE g.oid <> r.oid AND pg_has_role(r.oid, g.oid, 'MEMBER')) END)) AS attributes
  FROM pg_roles r
 WHERE r.rolname !~ '^pg_' AND (r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls OR r.oid IN (SELECT oid FROM gate_role)
       OR EXISTS (SELECT FROM strong_role g WHERE pg_has_role(r.oid, g.oid, 'MEMBER')))
 UNION ALL
SELECT 'settings', format('of %s in %s', CASE s.setrole WHEN 0 THEN 'every role' ELSE quote_ident(pg_get_userbyid(s.setrole)) END,
              CASE s.setdatabase WHEN 0 THEN 'every database' ELSE 'this database' END),
       jsonb_build_object('settings', (SELECT string_agg(c, ', ' ORDER BY c COLLATE "C") FROM unnest(s.setconfig) AS c))
  FROM pg_db_role_setting s WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
 UNION ALL
SELECT 'setting', s.name, jsonb_build_object('value', coalesce(s.reset_val, ''))
  FROM pg_settings s WHERE s.name IN ('session_replication_role', 'event_triggers', 'row_security', 'allow_system_table_mods', 'ignore_system_indexes')
 UNION ALL
SELECT 'event trigger', quote_ident(e.evtname), jsonb_strip_nulls(jsonb_build_object('event', e.evtevent, 'enabled', e.evtenabled, 'tags', e.evttags::text,
         'function', e.evtfoid::regprocedure::text, 'owner', pg_get_userbyid(e.evtowner)))
  FROM pg_event_trigger e
 UNION ALL
SELECT 'default privileges', format('of %I in %s on %s', pg_get_userbyid(d.defaclrole), CASE d.defaclnamespace WHEN 0 THEN 'every schema' ELSE d.defaclnamespace::regnamespace::text END, d.defaclobjtype),
       jsonb_build_object('acl', d.defaclacl::text)
  FROM pg_default_acl d WHERE d.defaclrole IN (SELECT oid FROM gate_role) OR d.defaclnamespace IN (SELECT oid FROM gate_schema)
 UNION ALL
SELECT 'schema', quote_ident(n.nspname), jsonb_build_object('owner', pg_get_userbyid(n.nspowner), 'acl',
         (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS x) AS entries))
  FROM pg_namespace n WHERE n.oid IN (SELECT oid FROM gate_schema)
 UNION ALL
SELECT 'language', quote_ident(l.lanname), jsonb_build_object('trusted', l.lanpltrusted, 'handler', l.lanplcallfoid::regproc::text)
  FROM pg_language l WHERE l.lanname IN ('plpgsql', 'sql', 'c', 'internal')
 UNION ALL
-- Not privileges: GRANT on a built-in function is everyday.
SELECT 'built-in', 'functions', jsonb_build_object('md5', md5(string_agg(concat_ws(' ', oid, proname, pronamespace, proowner, prolang, prosrc, probin, proconfig, prosecdef, provolatile, proisstrict, proargtypes), E'\n' ORDER BY oid)))
  FROM pg_proc WHERE oid < 16384
 UNION ALL
SELECT 'built-in', 'operators', jsonb_build_object('md5', md5(string_agg(concat_ws(' ', oid, oprname, oprleft, oprright, oprcode::oid), E'\n' ORDER BY oid)))
  FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace
 UNION ALL
SELECT 'built-in', 'casts', jsonb_build_object('md5', md5(string_agg(concat_ws(' ', castsource, casttarget, castfunc, castcontext, castmethod), E'\n' ORDER BY castsource, casttarget)))
  FROM pg_cast WHERE castsource < 16384 AND casttarget < 16384
 UNION ALL
-- Whoever owns the database owns its schema public, and whoever owns a schema drops what is in it.
SELECT 'database', 'this database', jsonb_build_object('owner', pg_get_userbyid(d.datdba)) FROM pg_database d WHERE d.datname = current_database()
 UNION ALL
-- No statement trigger fires for what a subscription applies.
SELECT 'subscription', format('%I on %s', s.subname, r.srrelid::regclass), '{}' FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid WHERE r.srrelid = ANY ($1)
 UNION ALL
SELECT 'written', format('trigger %I on %s', t.tgname, t.tgrelid::regclass), jsonb_build_object('by transaction', t.xmin::text)
  FROM pg_trigger t WHERE t.tgrelid = ANY ($1) AND NOT t.tgisinternal
 UNION ALL
SELECT 'collection', c.collection_name, jsonb_strip_nulls(to_jsonb(c) - 'collection_name'
         || jsonb_build_object('rule', (SELECT pattern FROM birthgate.code_rule r WHERE r.collection_name = c.collection_name)))
  FROM birthgate.collection c WHERE c.mode <> 'listed'
 UNION ALL
-- What makes of drift more than a word.
SELECT 'dimension', d.name, jsonb_build_object('bound', d.bound, 'blocks',
         (SELECT string_agg(r.action, ', ' ORDER BY r.action COLLATE "C") FROM birthgate.block_rule r WHERE r.dimension = d.name))
  FROM birthgate.block_dimension d WHERE d.name = 'gate_drift'
