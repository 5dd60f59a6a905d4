-- What a name in a text may mean: functions, relations, types, operators and operator classes that are not the server's
-- own. With one argument that may be a row, t.f is a call of f.
SELECT 'function' AS kind, p.oid, n.nspname::text AS schema, p.proname::text AS name,
       p.pronargs - p.pronargdefaults <= 1 AND p.pronargs > 0 AND (a.typtype = 'c' OR a.typtype = 'p' OR a.typtype = 'd') AS takes_a_row,
       n.nspname = 'birthgate' AND pg_get_userbyid(n.nspowner) = 'birthgate_owner' AND p.proowner = n.nspowner AS is_ours
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_type a ON a.oid = p.proargtypes[0]
 WHERE p.xmin <> '1' AND n.nspname !~ '^pg_(temp|toast)'
 UNION ALL
SELECT 'relation', c.oid, n.nspname, c.relname, false, false
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.oid >= 16384 AND n.nspname !~ '^pg_(temp|toast)'
 UNION ALL
SELECT 'type', t.oid, n.nspname, t.typname, false, false
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype IN ('d', 'r', 'b', 'm') AND t.oid >= 16384 AND n.nspname !~ '^pg_(temp|toast)' AND (t.typelem = 0 OR t.typsubscript <> 'array_subscript_handler'::regproc)
 UNION ALL
SELECT 'operator', o.oid, n.nspname, o.oprname, false, false FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid >= 16384
 UNION ALL
SELECT 'operator class', o.oid, n.nspname, o.opcname, false, false FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid >= 16384
