-- SQL that the database keeps and that may name the table: functions and rules.
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind, p.oid::regprocedure::text AS name, l.lanname::text AS language,
       pg_get_functiondef(p.oid) AS definition
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND p.prokind IN ('f', 'p') AND l.lanname <> 'c' AND pg_get_functiondef(p.oid) ILIKE '%' || $1 || '%'
 UNION ALL
SELECT 'rule', format('%I on %s', r.rulename, r.ev_class::regclass), 'sql', pg_get_ruledef(r.oid) FROM pg_rewrite r
 WHERE r.rulename <> '_RETURN' AND r.oid >= 16384 AND pg_get_ruledef(r.oid) ILIKE '%' || $1 || '%'
 ORDER BY 1, 2
