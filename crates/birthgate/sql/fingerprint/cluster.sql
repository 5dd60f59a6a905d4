-- What belongs to the whole server and changes what its objects do: roles, their memberships and
-- settings, this database, and settings that switch protection off.
SELECT 'role' AS kind, quote_ident(r.rolname) AS identity,
       jsonb_strip_nulls(jsonb_build_object('superuser', r.rolsuper, 'inherit', r.rolinherit, 'createrole', r.rolcreaterole, 'createdb', r.rolcreatedb,
         'login', r.rolcanlogin, 'replication', r.rolreplication, 'bypassrls', r.rolbypassrls, 'connection limit', r.rolconnlimit,
         'valid until', r.rolvaliduntil,
         'member of', (SELECT string_agg(quote_ident(pg_get_userbyid(m.roleid)) || CASE WHEN m.admin_option THEN ' with admin' ELSE '' END
                                             || CASE WHEN m.inherits = r.rolinherit THEN '' WHEN m.inherits THEN ' inheriting' ELSE ' without inheriting' END
                                             || CASE WHEN m.sets THEN '' ELSE ' without SET ROLE' END, ', ' ORDER BY pg_get_userbyid(m.roleid) COLLATE "C")
                         FROM (SELECT m.roleid, bool_or(m.admin_option) AS admin_option,
                                      -- By grant since PostgreSQL 16.
                                      bool_or(coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit)) AS inherits, bool_or(coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)) AS sets
                                 FROM pg_auth_members m WHERE m.member = r.oid GROUP BY m.roleid) AS m))) AS attributes
  FROM pg_roles r WHERE r.rolname !~ '^pg_'
 UNION ALL
SELECT 'settings', format('of %s in %s', CASE s.setrole WHEN 0 THEN 'every role' ELSE quote_ident(pg_get_userbyid(s.setrole)) END,
              CASE s.setdatabase WHEN 0 THEN 'every database' ELSE 'this database' END),
       jsonb_build_object('settings', (SELECT string_agg(c, ', ' ORDER BY c COLLATE "C") FROM unnest(s.setconfig) AS c))
  FROM pg_db_role_setting s WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
 UNION ALL
SELECT 'database', 'this database', jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding),
         'collate', d.datcollate, 'ctype', d.datctype, 'connection limit', d.datconnlimit, 'allows connections', d.datallowconn, 'template', d.datistemplate,
         'acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
                  SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                                CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
                    FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS x) AS entries),
         'locale provider', to_jsonb(d) ->> 'datlocprovider', 'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), 'rules', to_jsonb(d) ->> 'daticurules',
         'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace AND t.oid >= 16384)))
  FROM pg_database d WHERE d.datname = current_database()
 UNION ALL
SELECT 'tablespace', quote_ident(t.spcname), jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(t.spcowner), 'options', nullif(ARRAY(SELECT o FROM unnest(t.spcoptions) AS o WHERE o !~ '^pg_' ORDER BY o COLLATE "C")::text, '{}'),
         'acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(coalesce(t.spcacl, acldefault('t', t.spcowner))) AS x) AS entries)))
  FROM pg_tablespace t WHERE t.oid >= 16384
 UNION ALL
SELECT 'setting', s.name, jsonb_build_object('value', coalesce(s.reset_val, ''))
  FROM pg_settings s WHERE s.name IN ('session_replication_role', 'event_triggers', 'row_security', 'shared_preload_libraries', 'wal_level',
                                      'fsync', 'full_page_writes', 'allow_system_table_mods', 'max_prepared_transactions')
 UNION ALL
SELECT 'database', quote_ident(d.datname), jsonb_build_object('owner', pg_get_userbyid(d.datdba)) FROM pg_database d WHERE d.datname <> current_database()
 UNION ALL
SELECT 'comment', concat('on a shared object ', o.type, ' ', o.identity), jsonb_build_object('text', d.description)
  FROM pg_shdescription d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, 0) AS o WHERE d.objoid >= 16384
 UNION ALL
SELECT 'security label', concat('on a shared object ', o.type, ' ', o.identity, ' of ', l.provider), jsonb_build_object('label', l.label)
  FROM pg_shseclabel l CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, 0) AS o
