-- The query that answers the rows of a relation ($1) as one value, whatever the order of its rows and of its columns: how many,
-- and the sums of two hashes of each row. Of a log of schema changes only the rows that are older than a transaction ($2); of a
-- sequence where it stands, since ALTER SEQUENCE RESTART is undone by ROLLBACK, and should be by an undo. A view has no rows of
-- its own, also where a table had its name.
SELECT CASE c.relkind
       WHEN 'S' THEN format('SELECT concat(last_value, '' '', is_called) FROM %s', c.oid::regclass)
       ELSE format('SELECT format(''%%s %%s %%s'', count(*), coalesce(sum(hashtextextended(one, 1)), 0), coalesce(sum(hashtextextended(one, 2)), 0))
                      FROM (SELECT ROW(%s)::text FROM ONLY %s AS t%s OFFSET 0) AS rows (one)',
              (SELECT string_agg('t.' || quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
              c.oid::regclass, ' WHERE age(t.xmin) > age(' || quote_literal($2::text) || '::xid8::xid)')
        END AS query
  FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p', 'm', 'S')
