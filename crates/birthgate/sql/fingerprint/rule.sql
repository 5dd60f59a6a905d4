-- Rewrite rules (a view's own is its definition) and policies; $1: the relations, or NULL for all.
SELECT 'rule' AS kind, format('%I on %s', r.rulename, r.ev_class::regclass) AS identity,
       jsonb_build_object('definition', pg_get_ruledef(r.oid),
         'enabled', CASE r.ev_enabled WHEN 'O' THEN 'yes' WHEN 'A' THEN 'always' WHEN 'R' THEN 'replica' ELSE 'no' END) AS attributes
     , r.ev_class AS unit
  FROM pg_rewrite r
 WHERE r.rulename <> '_RETURN' AND r.oid >= 16384 AND ($1::oid[] IS NULL OR r.ev_class = ANY ($1))
 UNION ALL
SELECT 'policy', format('%I on %s', p.polname, p.polrelid::regclass),
       jsonb_strip_nulls(jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive,
         'roles', (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END, ', ' ORDER BY CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END COLLATE "C") FROM unnest(p.polroles) AS r),
         'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)))
     , p.polrelid
  FROM pg_policy p WHERE $1::oid[] IS NULL OR p.polrelid = ANY ($1)
 UNION ALL
SELECT 'statistics', format('%I.%I', n.nspname, s.stxname),
       jsonb_strip_nulls(jsonb_build_object('on', s.stxrelid::regclass::text, 'owner', pg_get_userbyid(s.stxowner),
         'target', CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END,
         -- The server lists the columns by their places; here they stand by their names.
         'definition', replace(pg_get_statisticsobjdef(s.oid), format(' ON %s FROM ', whole.text),
                               format(' ON %s%s FROM ', columns.by_name, substr(whole.text, length(columns.by_place) + 1)))))
     , s.stxrelid
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
 CROSS JOIN LATERAL (SELECT pg_get_statisticsobjdef_columns(s.oid) AS text) AS whole
 CROSS JOIN LATERAL (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS by_place, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") AS by_name
                       FROM pg_attribute a WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::int2[])) AS columns
 WHERE $1::oid[] IS NULL OR s.stxrelid = ANY ($1)
