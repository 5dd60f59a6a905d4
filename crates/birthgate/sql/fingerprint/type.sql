-- Enums, domains, ranges and base types. A composite type is a relation.
SELECT 'type' AS kind, format('%I.%I', n.nspname, t.typname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
         'kind', t.typtype, 'owner', pg_get_userbyid(t.typowner),
         'labels', (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
         'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
         'not null', CASE WHEN t.typnotnull THEN true END, 'default', t.typdefault,
         'range of', (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = t.oid),
         'input', CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typalign, t.typstorage) END,
         'acl', (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
                  SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                                CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
                    FROM aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) AS x) AS entries),
         'comment', obj_description(t.oid, 'pg_type'))) AS attributes
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)' AND t.typelem = 0 AND t.typtype IN ('e', 'd', 'r', 'b')
