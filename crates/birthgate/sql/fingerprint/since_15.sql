-- What can be said since PostgreSQL 15: who else may set a parameter; of a publication whole schemas, and of a table some columns or rows.
SELECT 'publication schema' AS kind, format('%I %I', p.pubname, n.nspname) AS identity, '{}'::jsonb AS attributes
  FROM pg_publication_namespace m JOIN pg_publication p ON p.oid = m.pnpubid JOIN pg_namespace n ON n.oid = m.pnnspid
 UNION ALL
SELECT 'publication table', format('%I %s', p.pubname, r.prrelid::regclass),
       jsonb_strip_nulls(jsonb_build_object('rows', pg_get_expr(r.prqual, r.prrelid), 'columns',
         (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[]))))
  FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prqual IS NOT NULL OR r.prattrs IS NOT NULL
 UNION ALL
SELECT 'parameter', quote_ident(p.parname), jsonb_build_object('acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
            SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                          CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
              FROM aclexplode(p.paracl) AS x) AS entries))
  FROM pg_parameter_acl p
