-- What is not PostgreSQL's own and may name any table: functions by their bodies, views by their queries.
SELECT DISTINCT p.proname::text AS name, false AS is_view FROM pg_proc p WHERE p.oid >= 16384
 UNION
SELECT c.relname::text, true FROM pg_class c WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384
