-- What a superuser alone may look at: that a password changed, where subscriptions connect to, and what ALTER SYSTEM wrote.
SELECT 'password' AS kind, quote_ident(a.rolname) AS identity,
       jsonb_strip_nulls(jsonb_build_object('sha256', encode(sha256(convert_to(a.rolpassword, 'UTF8')), 'hex'))) AS attributes
  FROM pg_authid a WHERE a.rolname !~ '^pg_' AND a.rolpassword IS NOT NULL
 UNION ALL
SELECT 'subscription connection', quote_ident(s.subname), jsonb_build_object('sha256', encode(sha256(convert_to(s.subconninfo, 'UTF8')), 'hex'),
         'more', (to_jsonb(s) - ARRAY['oid', 'subdbid', 'subskiplsn', 'subname', 'subowner', 'subenabled', 'subbinary', 'substream', 'subconninfo', 'subslotname',
                                      'subsynccommit', 'subpublications', 'subtwophasestate'])::text || CASE coalesce(to_jsonb(s) ->> 'subtwophasestate', 'd') WHEN 'd' THEN '' ELSE ' two phases' END)
  FROM pg_subscription s WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 UNION ALL
SELECT 'system setting', f.name, jsonb_build_object('value', string_agg(coalesce(f.setting, ''), ', ' ORDER BY f.seqno))
  FROM pg_file_settings f WHERE f.sourcefile LIKE '%postgresql.auto.conf' GROUP BY f.name
