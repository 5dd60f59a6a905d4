-- What a statement may reach in this database: functions that are not the server's own (and of those the ones
-- with an effect, $1, and the volatile ones that the table of functions does not know, $2 being all that it
-- knows), relations, domains, operators and access methods. In a sandbox the server's own may be renamed.
WITH server AS (
  SELECT p.oid, regexp_replace(p.proname, '^birthgate_was_', '') AS name, p.prosrc, p.provolatile = 'v' AS is_volatile
    FROM pg_proc p WHERE p.oid < 16384 AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'internal')
)
SELECT 'function' AS kind, p.oid, n.nspname::text AS schema, coalesce(s.name, p.proname::text) AS name,
       coalesce(s.name, format('function %s', p.oid::regprocedure)) AS title,
       l.lanname::text AS language,
       CASE l.lanname WHEN 'internal' THEN (SELECT bool_or(other.is_volatile) FROM server other WHERE other.prosrc = p.prosrc) ELSE p.provolatile = 'v' END AS is_volatile,
       p.probin AS library,
       CASE WHEN l.lanname = 'c' THEN p.prosrc END AS symbol,
       -- The server's function that another name is given to.
       CASE WHEN l.lanname = 'internal' THEN (SELECT min(other.name) FROM server other WHERE other.prosrc = p.prosrc) END AS server_function,
       EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') AS is_of_an_extension,
       -- What takes or gives what SQL cannot hold is a handler, and no statement calls it.
       NOT ('internal'::regtype = ANY (p.proargtypes::oid[]) OR p.prorettype = ANY ('{internal,language_handler,fdw_handler,index_am_handler,table_am_handler,tsm_handler}'::regtype[])) AS is_callable,
       CASE WHEN l.lanname NOT IN ('c', 'internal') AND p.prokind <> 'a' THEN coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) END AS body
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang LEFT JOIN server s ON s.oid = p.oid
 WHERE p.oid >= 16384 AND n.nspname <> 'birthgate_tripwire' OR s.name = ANY ($1) OR s.oid IS NOT NULL AND p.provolatile = 'v' AND s.name <> ALL ($2)
 UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'relation' END, c.oid, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname),
       NULL, NULL, h.probin, h.prosrc, NULL, NULL, NULL, NULL
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
  LEFT JOIN pg_foreign_server v ON v.oid = f.ftserver LEFT JOIN pg_foreign_data_wrapper w ON w.oid = v.srvfdw LEFT JOIN pg_proc h ON h.oid = w.fdwhandler
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid >= 16384 AND n.nspname <> 'birthgate_tripwire'
 UNION ALL
SELECT 'domain', t.oid, n.nspname, t.typname, format('domain %I.%I', n.nspname, t.typname), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'd' AND t.oid >= 16384
 UNION ALL
SELECT 'operator', o.oid, n.nspname, o.oprname, format('operator %s', o.oid::regoperator), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid >= 16384
 UNION ALL
SELECT 'access method', a.oid, NULL, a.amname, format('access method %I', a.amname), NULL, false, h.probin, h.prosrc, NULL, true, NULL, NULL
  FROM pg_am a JOIN pg_proc h ON h.oid = a.amhandler WHERE a.oid >= 16384
