-- What these rows ($1, oids of any catalog) are: an own name, the name of the object that they belong to as a fingerprint has it,
-- and a hash of everything that decides what they do. Constants as defaults are no code; what a child of a table has, its parent has. An index is
-- known by its definition alone: it may be built anew at any time.
WITH of (oid) AS (SELECT unnest($1::oid[]))
SELECT 'pg_proc'::regclass::oid AS class, 'code' AS kind, p.oid, f.name AS object, f.name, md5(concat_ws(E'\n', p.prosrc, p.probin, pg_get_function_sqlbody(p.oid), p.proconfig::text, p.prosecdef, p.provolatile, p.proisstrict, p.prokind,
         p.prolang, p.proowner, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.protrftypes::text, nullif(p.prosupport::oid, 0),
         (SELECT concat_ws(' ', a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn, a.aggsortop, a.agginitval) FROM pg_aggregate a WHERE a.aggfnoid = p.oid))) AS hash
  FROM of JOIN pg_proc p USING (oid) JOIN pg_namespace n ON n.oid = p.pronamespace
 CROSS JOIN LATERAL (SELECT format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name) AS f
 WHERE p.xmin <> '1'
 UNION ALL
SELECT 'pg_aggregate'::regclass, 'code', a.aggfnoid, f.name, concat('parts of ', f.name), md5(concat_ws(' ', a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn))
  FROM of JOIN pg_aggregate a ON a.aggfnoid = of.oid JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
 CROSS JOIN LATERAL (SELECT format('aggregate %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name) AS f
 WHERE a.xmin <> '1'
 UNION ALL
SELECT 'pg_operator'::regclass, 'code', o.oid, f.name, f.name, md5(concat_ws(' ', o.oprcode, o.oprresult, o.oprcom, o.oprnegate, o.oprrest, o.oprjoin))
  FROM of JOIN pg_operator o USING (oid) CROSS JOIN LATERAL (SELECT concat('operator ', o.oid::regoperator) AS name) AS f WHERE o.xmin <> '1'
 UNION ALL
SELECT 'pg_cast'::regclass, 'code', c.oid, f.name, f.name, md5(concat_ws(' ', c.castfunc::regprocedure, c.castcontext, c.castmethod))
  FROM of JOIN pg_cast c USING (oid) CROSS JOIN LATERAL (SELECT format('cast %s as %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)) AS name) AS f WHERE c.xmin <> '1'
 UNION ALL
SELECT 'pg_type'::regclass, 'code', t.oid, f.name, f.name, md5(concat_ws(' ', t.typtype, t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typsubscript, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault))
  FROM of JOIN pg_type t USING (oid) JOIN pg_namespace n ON n.oid = t.typnamespace CROSS JOIN LATERAL (SELECT format('type %I.%I', n.nspname, t.typname) AS name) AS f
 WHERE t.xmin <> '1' AND t.typtype IN ('d', 'r', 'b') AND (t.typelem = 0 OR t.typsubscript <> 'array_subscript_handler'::regproc)
 UNION ALL
SELECT 'pg_opclass'::regclass, 'code', c.oid, f.name, f.name, md5(concat_ws(' ', c.opcintype, c.opcdefault, c.opckeytype, c.opcfamily))
  FROM of JOIN pg_opclass c USING (oid) JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod
 CROSS JOIN LATERAL (SELECT format('operator class %I.%I using %I', n.nspname, c.opcname, m.amname) AS name) AS f WHERE c.xmin <> '1'
 UNION ALL
SELECT 'pg_amop'::regclass, 'code', o.oid, f.name, concat_ws(' ', f.name, 'operator', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose), md5(concat_ws(' ', o.amoplefttype, o.amoprighttype, o.amopsortfamily))
  FROM of JOIN pg_amop o USING (oid) JOIN pg_opfamily y ON y.oid = o.amopfamily JOIN pg_namespace n ON n.oid = y.opfnamespace JOIN pg_am m ON m.oid = y.opfmethod
 CROSS JOIN LATERAL (SELECT format('operator family %I.%I using %I', n.nspname, y.opfname, m.amname) AS name) AS f WHERE o.xmin <> '1'
 UNION ALL
SELECT 'pg_amproc'::regclass, 'code', o.oid, f.name, concat_ws(' ', f.name, 'function', o.amprocnum, format_type(o.amproclefttype, NULL), format_type(o.amprocrighttype, NULL)), md5(concat_ws(' ', o.amproc::regprocedure))
  FROM of JOIN pg_amproc o USING (oid) JOIN pg_opfamily y ON y.oid = o.amprocfamily JOIN pg_namespace n ON n.oid = y.opfnamespace JOIN pg_am m ON m.oid = y.opfmethod
 CROSS JOIN LATERAL (SELECT format('operator family %I.%I using %I', n.nspname, y.opfname, m.amname) AS name) AS f WHERE o.xmin <> '1'
 UNION ALL
SELECT 'pg_language'::regclass, 'code', l.oid, f.name, f.name, md5(concat_ws(' ', l.lanplcallfoid::regprocedure, l.laninline::regprocedure, l.lanvalidator::regprocedure))
  FROM of JOIN pg_language l USING (oid) CROSS JOIN LATERAL (SELECT format('language %I', l.lanname) AS name) AS f WHERE l.xmin <> '1'
 UNION ALL
SELECT 'pg_transform'::regclass, 'code', t.oid, f.name, f.name, md5(concat_ws(' ', t.trffromsql::regprocedure, t.trftosql::regprocedure))
  FROM of JOIN pg_transform t USING (oid) JOIN pg_language l ON l.oid = t.trflang CROSS JOIN LATERAL (SELECT concat('transform ', format_type(t.trftype, NULL), ' for ', l.lanname) AS name) AS f
 UNION ALL
SELECT 'pg_event_trigger'::regclass, 'binding', e.oid, f.name, f.name, md5(concat_ws(' ', e.evtevent, e.evtenabled, e.evttags::text, e.evtfoid::regprocedure))
  FROM of JOIN pg_event_trigger e USING (oid) CROSS JOIN LATERAL (SELECT concat('event trigger ', quote_ident(e.evtname)) AS name) AS f
 UNION ALL
SELECT 'pg_trigger'::regclass, 'binding', t.oid, f.name, f.name, md5(concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled))
  FROM of JOIN pg_trigger t USING (oid) CROSS JOIN LATERAL (SELECT format('trigger %I on %s', t.tgname, t.tgrelid::regclass) AS name) AS f WHERE NOT t.tgisinternal AND t.tgparentid = 0
 UNION ALL
SELECT 'pg_rewrite'::regclass, 'binding', r.oid, f.name, concat('definition of ', f.name), md5(concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled))
  FROM of JOIN pg_rewrite r USING (oid) JOIN pg_class c ON c.oid = r.ev_class
 CROSS JOIN LATERAL (SELECT CASE WHEN r.rulename <> '_RETURN' THEN format('rule %I on %s', r.rulename, r.ev_class::regclass)
                                 ELSE concat(CASE c.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END, r.ev_class::regclass) END AS name) AS f
 WHERE r.oid >= 16384
 UNION ALL
SELECT 'pg_policy'::regclass, 'binding', p.oid, f.name, f.name, md5(concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)))
  FROM of JOIN pg_policy p USING (oid) CROSS JOIN LATERAL (SELECT format('policy %I on %s', p.polname, p.polrelid::regclass) AS name) AS f
 UNION ALL
SELECT 'pg_constraint'::regclass, 'binding', c.oid, f.name, f.name, md5(concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated))
  FROM of JOIN pg_constraint c USING (oid)
 CROSS JOIN LATERAL (SELECT format('constraint %I on %s', c.conname, CASE WHEN c.conrelid <> 0 THEN c.conrelid::regclass::text ELSE format_type(c.contypid, NULL) END) AS name) AS f
 WHERE c.contype IN ('c', 'x') AND c.oid >= 16384
   AND (NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.conrelid) OR c.conislocal AND c.conbin::text ~ ':(opfuncid|funcid) [1-9][0-9]{4}')
 UNION ALL
SELECT 'pg_attrdef'::regclass, 'binding', d.oid, f.name, concat('default of ', f.name, ' ', quote_ident(a.attname)), md5(concat_ws(' ', pg_get_expr(d.adbin, d.adrelid), a.attgenerated))
  FROM of JOIN pg_attrdef d USING (oid) JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum JOIN pg_class c ON c.oid = d.adrelid
 CROSS JOIN LATERAL (SELECT concat(CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END, d.adrelid::regclass) AS name) AS f
 WHERE d.adbin::text ~ ':(opfuncid|funcid|aggfnoid|winfnoid) ' AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = d.adrelid)
 UNION ALL
SELECT 'pg_statistic_ext'::regclass, 'binding', s.oid, f.name, f.name, md5(pg_get_statisticsobjdef(s.oid))
  FROM of JOIN pg_statistic_ext s USING (oid) JOIN pg_namespace n ON n.oid = s.stxnamespace CROSS JOIN LATERAL (SELECT format('statistics %I.%I', n.nspname, s.stxname) AS name) AS f WHERE s.stxexprs IS NOT NULL
 UNION ALL
SELECT 'pg_index'::regclass, 'index', i.indexrelid, f.name, f.name, md5(pg_get_indexdef(i.indexrelid))
  FROM of JOIN pg_index i ON i.indexrelid = of.oid CROSS JOIN LATERAL (SELECT concat('index ', i.indexrelid::regclass) AS name) AS f
 WHERE concat(i.indexprs::text, i.indpred::text) ~ ':(opfuncid|funcid) [1-9][0-9]{4}'
