-- The functions of these names, as entries.sql has them.
SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.xmin <> '1' AND format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) = ANY ($1::text[])
