-- What a superuser alone may look at: that a password changed, and what ALTER SYSTEM wrote.
SELECT 'password' AS kind, quote_ident(a.rolname) AS identity,
       jsonb_strip_nulls(jsonb_build_object('sha256', encode(sha256(convert_to(a.rolpassword, 'UTF8')), 'hex'))) AS attributes
  FROM pg_authid a WHERE a.rolname !~ '^pg_' AND a.rolpassword IS NOT NULL
 UNION ALL
SELECT 'system setting', f.name, jsonb_build_object('value', string_agg(coalesce(f.setting, ''), ', ' ORDER BY f.seqno))
  FROM pg_file_settings f WHERE f.sourcefile LIKE '%postgresql.auto.conf' GROUP BY f.name
