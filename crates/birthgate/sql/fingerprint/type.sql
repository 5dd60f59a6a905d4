-- Enums, domains, ranges and base types. A composite type is a relation.
SELECT 'type' AS kind, format('%I.%I', n.nspname, t.typname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
         'kind', t.typtype, 'owner', pg_get_userbyid(t.typowner),
         'labels', (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
         'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
         'not null', CASE WHEN t.typnotnull THEN true END, 'default', t.typdefault,
         'range of', (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = t.oid),
         'input', CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typalign, t.typstorage) END,
         'more', CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typcategory, t.typispreferred, t.typdelim, t.typmodin, t.typmodout, t.typanalyze, t.typsubscript,
                        t.typbyval, format_type(nullif(t.typelem, 0), NULL)) END,
         'collation', (SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
                        WHERE c.oid = t.typcollation AND t.typtype IN ('b', 'd')
                          AND c.oid IS DISTINCT FROM (SELECT b.typcollation FROM pg_type b WHERE b.oid = t.typbasetype)),
         'range', (SELECT concat_ws(' ', r.rngcanonical, r.rngsubdiff, format('%I.%I', on_.nspname, o.opcname), format_type(r.rngmultitypid, NULL),
                          (SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = r.rngcollation))
                     FROM pg_range r JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_namespace on_ ON on_.oid = o.opcnamespace WHERE r.rngtypid = t.oid),
         'is a shell', CASE WHEN NOT t.typisdefined THEN true END,
         'acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
                  SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                                CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
                    FROM aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) AS x) AS entries),
         'comment', obj_description(t.oid, 'pg_type'))) AS attributes
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)' AND (t.typelem = 0 OR t.typsubscript <> 'array_subscript_handler'::regproc) AND t.typtype IN ('e', 'd', 'r', 'b', 'p')
