-- How often each function was called, as far as it is counted: in this session, and what was written down of all before.
SELECT p.oid, coalesce(pg_stat_get_function_calls(p.oid), 0) + coalesce(pg_stat_get_xact_function_calls(p.oid), 0) AS calls,
       format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.xmin <> '1' AND n.nspname !~ '^pg_(temp|toast)' AND n.nspname <> 'birthgate_tripwire'
   AND (pg_stat_get_function_calls(p.oid) IS NOT NULL OR pg_stat_get_xact_function_calls(p.oid) IS NOT NULL)
