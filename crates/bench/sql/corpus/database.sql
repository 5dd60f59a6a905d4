-- Every row of every table and catalog of this database (those of the whole server included), as a count and
-- a hash for each; and where each sequence stands. ctid and xmin are no part of a row.
SET search_path = pg_catalog;

SELECT format(
    'SELECT %L, count(*), md5(string_agg(md5("the row"::text), '''' ORDER BY md5("the row"::text))) FROM %s%s AS "the row"',
    'rows of ' || c.oid::regclass,
    CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END,
    c.oid::regclass)
FROM pg_class AS c
WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND c.oid <> 'pg_class'::regclass
ORDER BY c.oid::regclass::text
\gexec

-- ANALYZE and CREATE INDEX write some columns of pg_class in place, so that a rollback does not take them back.
-- The planner's, and no part of what a relation is: apart from the rest.
SELECT
    'rows of pg_class',
    count(*),
    md5(string_agg((to_jsonb(c) - '{relpages,reltuples,relallvisible,relhasindex}'::text[])::text, '' ORDER BY oid))
FROM pg_class AS c;
SELECT 'planner statistics of ' || oid::regclass, relpages, reltuples, relallvisible, relhasindex
FROM pg_class
ORDER BY oid::regclass::text;

SELECT format('SELECT %L, last_value, is_called FROM %s', 'sequence ' || c.oid::regclass, c.oid::regclass)
FROM pg_class AS c
WHERE c.relkind = 'S'
ORDER BY c.oid::regclass::text
\gexec

SELECT 'statistics of ' || d.datname, stats_reset FROM pg_stat_database AS d WHERE d.datname = current_database();
