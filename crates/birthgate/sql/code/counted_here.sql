-- How often this session has called each function since its counts were last written down.
SELECT p.oid, pg_stat_get_xact_function_calls(p.oid) AS calls,
       format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.xmin <> '1' AND n.nspname !~ '^pg_(temp|toast)' AND pg_stat_get_xact_function_calls(p.oid) IS NOT NULL
