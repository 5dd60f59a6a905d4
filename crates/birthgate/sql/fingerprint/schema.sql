-- Schemas, extensions, languages, event triggers, casts, operators, collations, publications,
-- subscriptions, foreign servers and default privileges: what a database has few of.
SELECT 'schema' AS kind, quote_ident(n.nspname) AS identity,
       jsonb_build_object('owner', pg_get_userbyid(n.nspowner), 'acl',
         (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS x) AS entries)) AS attributes
  FROM pg_namespace n WHERE n.nspname = 'public' OR n.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)'
 UNION ALL
SELECT 'extension', quote_ident(e.extname), jsonb_strip_nulls(jsonb_build_object('version', e.extversion, 'schema', e.extnamespace::regnamespace::text, 'owner', pg_get_userbyid(e.extowner),
         'relocatable', e.extrelocatable,
         'dumps', (SELECT string_agg(concat_ws(' ', c.oid::regclass, c.condition), ', ' ORDER BY c.oid::regclass::text COLLATE "C") FROM unnest(e.extconfig, e.extcondition) AS c(oid, condition)),
         'members', (SELECT string_agg(o.told, ', ' ORDER BY o.told COLLATE "C")
                       FROM pg_depend d CROSS JOIN LATERAL (SELECT concat_ws(' ', type, replace(identity, 'pg_catalog.', '')) AS told FROM pg_identify_object(d.classid, d.objid, d.objsubid)) AS o
                      WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                        -- Arrays and row types are members on some versions and not on others.
                        AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = d.classid AND i.objid = d.objid AND i.deptype = 'i')),
         'goes with', (SELECT string_agg(o.told, ', ' ORDER BY o.told COLLATE "C")
                         FROM pg_depend d CROSS JOIN LATERAL (SELECT concat_ws(' ', type, replace(identity, 'pg_catalog.', '')) AS told FROM pg_identify_object(d.classid, d.objid, d.objsubid)) AS o
                        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'x')))
  FROM pg_extension e
 UNION ALL
SELECT 'language', quote_ident(l.lanname), jsonb_strip_nulls(jsonb_build_object('trusted', l.lanpltrusted, 'owner', pg_get_userbyid(l.lanowner),
         'handler', l.lanplcallfoid::regproc::text, 'inline', nullif(l.laninline, 0)::regproc::text, 'validator', nullif(l.lanvalidator, 0)::regproc::text, 'acl',
         (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) AS x) AS entries)))
  FROM pg_language l WHERE l.lanispl
 UNION ALL
SELECT 'event trigger', quote_ident(e.evtname), jsonb_strip_nulls(jsonb_build_object('event', e.evtevent, 'enabled', e.evtenabled, 'tags', e.evttags::text,
         'function', e.evtfoid::regprocedure::text, 'owner', pg_get_userbyid(e.evtowner)))
  FROM pg_event_trigger e
 UNION ALL
SELECT 'cast', format('%s as %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)),
       jsonb_build_object('function', c.castfunc::regprocedure::text, 'context', c.castcontext, 'method', c.castmethod)
  FROM pg_cast c WHERE c.oid >= 16384
 UNION ALL
SELECT 'operator', o.oid::regoperator::text, jsonb_build_object('function', o.oprcode::text, 'owner', pg_get_userbyid(o.oprowner),
         'result', format_type(o.oprresult, NULL), 'commutator', o.oprcom::regoperator::text, 'negator', o.oprnegate::regoperator::text,
         'restrict', o.oprrest::text, 'join', o.oprjoin::text, 'merges', o.oprcanmerge, 'hashes', o.oprcanhash)
  FROM pg_operator o WHERE o.oid >= 16384
 UNION ALL
SELECT 'operator class', format('%I.%I using %I', n.nspname, c.opcname, m.amname),
       jsonb_build_object('type', format_type(c.opcintype, NULL), 'default', c.opcdefault, 'owner', pg_get_userbyid(c.opcowner),
         'storage', format_type(nullif(c.opckeytype, 0), NULL), 'family', (SELECT format('%I.%I', n.nspname, f.opfname) FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace WHERE f.oid = c.opcfamily),
         'operators', (SELECT string_agg(concat_ws(' ', o.amopstrategy, o.amopopr::regoperator), ', ' ORDER BY o.amopstrategy, o.amopopr::regoperator::text COLLATE "C") FROM pg_amop o WHERE o.amopfamily = c.opcfamily),
         'functions', (SELECT string_agg(concat_ws(' ', p.amprocnum, p.amproc), ', ' ORDER BY p.amprocnum, p.amproc::text COLLATE "C") FROM pg_amproc p WHERE p.amprocfamily = c.opcfamily))
  FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod WHERE c.oid >= 16384
 UNION ALL
SELECT 'collation', format('%I.%I', n.nspname, c.collname), jsonb_strip_nulls(jsonb_build_object('provider', c.collprovider,
         'deterministic', c.collisdeterministic, 'collate', CASE WHEN c.collprovider <> 'i' THEN c.collcollate END, 'ctype', CASE WHEN c.collprovider <> 'i' THEN c.collctype END, 'owner', pg_get_userbyid(c.collowner),
         'encoding', CASE WHEN c.collencoding >= 0 THEN pg_encoding_to_char(c.collencoding) END,
         -- PostgreSQL 14 keeps ICU's locale as the collate, 15 and 16 by itself, 17 as the builtin provider's.
         'locale', CASE WHEN c.collprovider IN ('i', 'b') THEN coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', c.collcollate) END,
         'rules', to_jsonb(c) ->> 'collicurules'))
  FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid >= 16384
 UNION ALL
SELECT 'text search configuration', c.oid::regconfig::text, jsonb_build_object('owner', pg_get_userbyid(c.cfgowner),
         'parser', (SELECT format('%I.%I', n.nspname, p.prsname) FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace WHERE p.oid = c.cfgparser), 'mappings',
         (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', ' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
  FROM pg_ts_config c WHERE c.oid >= 16384
 UNION ALL
SELECT 'publication', quote_ident(p.pubname), to_jsonb(p) - 'oid' - 'pubowner' - CASE to_jsonb(p) ->> 'pubgencols' WHEN 'n' THEN 'pubgencols' ELSE '' END || jsonb_build_object('owner', pg_get_userbyid(p.pubowner), 'tables',
         (SELECT string_agg(r.prrelid::regclass::text, ', ' ORDER BY r.prrelid::regclass::text COLLATE "C") FROM pg_publication_rel r WHERE r.prpubid = p.oid))
  FROM pg_publication p
 UNION ALL
SELECT 'subscription', quote_ident(s.subname), jsonb_build_object('owner', pg_get_userbyid(s.subowner), 'enabled', s.subenabled, 'slot', s.subslotname, 'publications', s.subpublications::text,
         'binary', s.subbinary, 'streaming', left(s.substream::text, 1), 'synchronous commit', s.subsynccommit)
  FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 UNION ALL
SELECT 'foreign data wrapper', quote_ident(w.fdwname), jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(w.fdwowner), 'handler', w.fdwhandler::regproc::text, 'validator', w.fdwvalidator::regproc::text,
         'options sha256', encode(sha256(convert_to(w.fdwoptions::text, 'UTF8')), 'hex'), 'acl',
         (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(coalesce(w.fdwacl, acldefault('F', w.fdwowner))) AS x) AS entries)))
  FROM pg_foreign_data_wrapper w
 UNION ALL
SELECT 'server', quote_ident(s.srvname), jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(s.srvowner), 'type', s.srvtype, 'version', s.srvversion,
         'wrapper', (SELECT fdwname FROM pg_foreign_data_wrapper WHERE oid = s.srvfdw), 'options sha256', encode(sha256(convert_to(s.srvoptions::text, 'UTF8')), 'hex'), 'acl',
         (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(coalesce(s.srvacl, acldefault('S', s.srvowner))) AS x) AS entries)))
  FROM pg_foreign_server s
 UNION ALL
SELECT 'user mapping', format('%I on %I', coalesce(m.usename, 'public'), m.srvname), jsonb_strip_nulls(jsonb_build_object('options sha256', encode(sha256(convert_to(m.umoptions::text, 'UTF8')), 'hex')))
  FROM pg_user_mappings m
 UNION ALL
SELECT 'default privileges', format('of %I in %s on %s', pg_get_userbyid(d.defaclrole), CASE d.defaclnamespace WHEN 0 THEN 'every schema' ELSE d.defaclnamespace::regnamespace::text END, d.defaclobjtype),
       jsonb_build_object('acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(d.defaclacl) AS x) AS entries))
  FROM pg_default_acl d
 UNION ALL
-- Comments of what is not looked at as an object with attributes of its own. Versions differ in whether json bears its schema.
SELECT 'comment', o.told, jsonb_build_object('text', d.description)
  FROM pg_description d CROSS JOIN LATERAL (SELECT concat_ws(' ', type, replace(identity, 'pg_catalog.', '')) AS told FROM pg_identify_object(d.classoid, d.objoid, d.objsubid)) AS o
 WHERE d.classoid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass)
   AND (d.objoid >= 16384 OR d.classoid IN ('pg_namespace'::regclass, 'pg_largeobject'::regclass))
 UNION ALL
SELECT 'security label', concat(o.type, ' ', o.identity, ' of ', l.provider), jsonb_build_object('label', l.label)
  FROM pg_seclabel l CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) AS o
 UNION ALL
SELECT 'text search dictionary', d.oid::regdictionary::text, jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(d.dictowner), 'options', d.dictinitoption,
         'template', (SELECT tmplname FROM pg_ts_template WHERE oid = d.dicttemplate)))
  FROM pg_ts_dict d WHERE d.oid >= 16384
 UNION ALL
SELECT 'text search parser', format('%I.%I', n.nspname, p.prsname), jsonb_build_object('functions', concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype))
  FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace WHERE p.oid >= 16384
 UNION ALL
SELECT 'text search template', format('%I.%I', n.nspname, t.tmplname), jsonb_build_object('functions', concat_ws(' ', t.tmplinit, t.tmpllexize))
  FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace WHERE t.oid >= 16384
 UNION ALL
-- A large object is a row: it comes and goes with the data. Who owns some, and what was granted on single ones, is decided.
SELECT 'large objects', concat('of ', quote_ident(pg_get_userbyid(l.lomowner))), '{}' FROM pg_largeobject_metadata l GROUP BY l.lomowner
 UNION ALL
SELECT 'large object', l.oid::text, jsonb_build_object('owner', pg_get_userbyid(l.lomowner), 'acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(l.lomacl) AS x) AS entries))
  FROM pg_largeobject_metadata l WHERE l.lomacl IS NOT NULL
 UNION ALL
SELECT 'conversion', format('%I.%I', n.nspname, c.conname), jsonb_build_object('function', c.conproc::text, 'default', c.condefault, 'owner', pg_get_userbyid(c.conowner),
         'from', pg_encoding_to_char(c.conforencoding), 'to', pg_encoding_to_char(c.contoencoding))
  FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace WHERE c.oid >= 16384
 UNION ALL
SELECT 'access method', quote_ident(a.amname), jsonb_build_object('handler', a.amhandler::text, 'type', a.amtype) FROM pg_am a WHERE a.oid >= 16384
 UNION ALL
SELECT 'transform', concat(format_type(t.trftype, NULL), ' for ', l.lanname), jsonb_build_object('from', t.trffromsql::regprocedure::text, 'to', t.trftosql::regprocedure::text)
  FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang
 UNION ALL
-- Of a built-in family what was added to it.
SELECT 'operator family', format('%I.%I using %I', n.nspname, f.opfname, m.amname), jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(f.opfowner),
         'operators', (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM (
                         SELECT concat_ws(' ', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose, format_type(o.amoplefttype, NULL), format_type(o.amoprighttype, NULL),
                                          (SELECT format('%I.%I', sn.nspname, s.opfname) FROM pg_opfamily s JOIN pg_namespace sn ON sn.oid = s.opfnamespace WHERE s.oid = o.amopsortfamily)) AS x
                           FROM pg_amop o WHERE o.amopfamily = f.oid AND o.oid >= 16384) AS members),
         'functions', (SELECT string_agg(x, ', ' ORDER BY x COLLATE "C") FROM (
                         SELECT concat_ws(' ', p.amprocnum, p.amproc::regprocedure, format_type(p.amproclefttype, NULL), format_type(p.amprocrighttype, NULL)) AS x
                           FROM pg_amproc p WHERE p.amprocfamily = f.oid AND p.oid >= 16384) AS members)))
  FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am m ON m.oid = f.opfmethod
 WHERE f.oid >= 16384 OR EXISTS (SELECT FROM pg_amop o WHERE o.amopfamily = f.oid AND o.oid >= 16384) OR EXISTS (SELECT FROM pg_amproc p WHERE p.amprocfamily = f.oid AND p.oid >= 16384)
