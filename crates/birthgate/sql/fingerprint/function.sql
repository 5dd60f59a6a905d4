-- Functions, procedures and aggregates; $1: the functions, or NULL for all.
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
       format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
         'arguments', pg_get_function_arguments(p.oid), 'result', pg_get_function_result(p.oid), 'source', p.prosrc, 'binary', p.probin,
         'body', pg_get_function_sqlbody(p.oid), 'settings', p.proconfig::text, 'security definer', p.prosecdef, 'volatile', p.provolatile,
         'strict', p.proisstrict, 'leakproof', p.proleakproof, 'parallel', p.proparallel, 'kind', p.prokind,
         'cost', p.procost, 'rows', p.prorows, 'support', nullif(p.prosupport::oid, 0)::regproc::text,
         'language', (SELECT lanname FROM pg_language WHERE oid = p.prolang), 'owner', pg_get_userbyid(p.proowner),
         'aggregate', (SELECT concat_ws(' ', a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
                         a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn, a.aggsortop::regoperator, format_type(a.aggtranstype, NULL), a.agginitval)
                         FROM pg_aggregate a WHERE a.aggfnoid = p.oid),
         'aggregate also', (SELECT concat_ws(' ', a.aggfinalextra, a.aggfinalmodify, a.aggtransspace, a.aggnumdirectargs, format_type(nullif(a.aggmtranstype, 0), NULL),
                              a.aggmfinalextra, a.aggmfinalmodify, a.aggmtransspace, quote_nullable(a.aggminitval)) FROM pg_aggregate a WHERE a.aggfnoid = p.oid),
         'transforms', (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY format_type(t, NULL) COLLATE "C") FROM unnest(p.protrftypes) AS t),
         'acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
                  SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                                CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
                    FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x) AS entries),
         'comment', obj_description(p.oid, 'pg_proc'))) AS attributes
     , p.oid AS unit
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.oid >= 16384 AND ($1::oid[] IS NOT NULL OR n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AND ($1::oid[] IS NULL OR p.oid = ANY ($1))
