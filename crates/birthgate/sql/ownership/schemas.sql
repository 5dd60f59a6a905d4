-- The schemas of the tables: whether an application's login owns one, and whether the new owner of the tables may look into it.
SELECT DISTINCT quote_ident(n.nspname) AS name, quote_ident(pg_get_userbyid(n.nspowner)) AS owner,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_has_role(r.oid, n.nspowner, 'MEMBER')) AS is_applications,
       has_schema_privilege($2::text::name, n.oid, 'USAGE') AS has_usage
  FROM unnest($1::text[]) AS t(name)
  JOIN pg_class c ON c.oid = to_regclass(t.name)
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1
