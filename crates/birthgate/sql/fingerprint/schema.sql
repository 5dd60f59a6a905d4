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
SELECT 'extension', quote_ident(e.extname), jsonb_build_object('version', e.extversion, 'schema', e.extnamespace::regnamespace::text, 'owner', pg_get_userbyid(e.extowner))
  FROM pg_extension e
 UNION ALL
SELECT 'language', quote_ident(l.lanname), jsonb_build_object('trusted', l.lanpltrusted, 'owner', pg_get_userbyid(l.lanowner), 'acl', l.lanacl::text)
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
         'operators', (SELECT string_agg(concat_ws(' ', o.amopstrategy, o.amopopr::regoperator), ', ' ORDER BY o.amopstrategy, o.amopopr::regoperator::text COLLATE "C") FROM pg_amop o WHERE o.amopfamily = c.opcfamily),
         'functions', (SELECT string_agg(concat_ws(' ', p.amprocnum, p.amproc), ', ' ORDER BY p.amprocnum, p.amproc::text COLLATE "C") FROM pg_amproc p WHERE p.amprocfamily = c.opcfamily))
  FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod WHERE c.oid >= 16384
 UNION ALL
SELECT 'collation', format('%I.%I', n.nspname, c.collname), jsonb_strip_nulls(jsonb_build_object('provider', c.collprovider,
         'deterministic', c.collisdeterministic, 'collate', c.collcollate, 'ctype', c.collctype, 'owner', pg_get_userbyid(c.collowner)))
  FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid >= 16384
 UNION ALL
SELECT 'text search configuration', c.oid::regconfig::text, jsonb_build_object('owner', pg_get_userbyid(c.cfgowner), 'mappings',
         (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', ' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
  FROM pg_ts_config c WHERE c.oid >= 16384
 UNION ALL
SELECT 'publication', quote_ident(p.pubname), to_jsonb(p) - 'oid' - 'pubowner' || jsonb_build_object('owner', pg_get_userbyid(p.pubowner), 'tables',
         (SELECT string_agg(r.prrelid::regclass::text, ', ' ORDER BY r.prrelid::regclass::text COLLATE "C") FROM pg_publication_rel r WHERE r.prpubid = p.oid))
  FROM pg_publication p
 UNION ALL
SELECT 'subscription', quote_ident(s.subname), jsonb_build_object('owner', pg_get_userbyid(s.subowner), 'enabled', s.subenabled, 'slot', s.subslotname, 'publications', s.subpublications::text)
  FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 UNION ALL
SELECT 'foreign data wrapper', quote_ident(w.fdwname), jsonb_build_object('owner', pg_get_userbyid(w.fdwowner), 'handler', w.fdwhandler::regproc::text, 'validator', w.fdwvalidator::regproc::text)
  FROM pg_foreign_data_wrapper w
 UNION ALL
SELECT 'server', quote_ident(s.srvname), jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(s.srvowner), 'type', s.srvtype, 'version', s.srvversion,
         'options sha256', encode(sha256(convert_to(s.srvoptions::text, 'UTF8')), 'hex'), 'acl', s.srvacl::text))
  FROM pg_foreign_server s
 UNION ALL
SELECT 'user mapping', format('%I on %I', coalesce(m.usename, 'public'), m.srvname), jsonb_strip_nulls(jsonb_build_object('options sha256', encode(sha256(convert_to(m.umoptions::text, 'UTF8')), 'hex')))
  FROM pg_user_mappings m
 UNION ALL
SELECT 'default privileges', format('of %I in %s on %s', pg_get_userbyid(d.defaclrole), CASE d.defaclnamespace WHEN 0 THEN 'every schema' ELSE d.defaclnamespace::regnamespace::text END, d.defaclobjtype),
       jsonb_build_object('acl', d.defaclacl::text)
  FROM pg_default_acl d
 UNION ALL
-- Comments of what is not looked at as an object with attributes of its own.
SELECT 'comment', pg_describe_object(d.classoid, d.objoid, d.objsubid), jsonb_build_object('text', d.description)
  FROM pg_description d
 WHERE d.classoid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass)
   AND (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass)
 UNION ALL
SELECT 'security label', concat(pg_describe_object(l.classoid, l.objoid, l.objsubid), ' of ', l.provider), jsonb_build_object('label', l.label)
  FROM pg_seclabel l
 UNION ALL
SELECT 'text search dictionary', d.oid::regdictionary::text, jsonb_strip_nulls(jsonb_build_object('owner', pg_get_userbyid(d.dictowner), 'options', d.dictinitoption,
         'template', (SELECT tmplname FROM pg_ts_template WHERE oid = d.dicttemplate)))
  FROM pg_ts_dict d WHERE d.oid >= 16384
 UNION ALL
SELECT 'conversion', format('%I.%I', n.nspname, c.conname), jsonb_build_object('function', c.conproc::text, 'default', c.condefault, 'owner', pg_get_userbyid(c.conowner))
  FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace WHERE c.oid >= 16384
 UNION ALL
SELECT 'access method', quote_ident(a.amname), jsonb_build_object('handler', a.amhandler::text, 'type', a.amtype) FROM pg_am a WHERE a.oid >= 16384
 UNION ALL
SELECT 'transform', concat(format_type(t.trftype, NULL), ' for ', l.lanname), jsonb_build_object('from', t.trffromsql::regprocedure::text, 'to', t.trftosql::regprocedure::text)
  FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang
 UNION ALL
SELECT 'operator family', format('%I.%I using %I', n.nspname, f.opfname, m.amname), jsonb_build_object('owner', pg_get_userbyid(f.opfowner))
  FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am m ON m.oid = f.opfmethod WHERE f.oid >= 16384
