-- The same of a log of schema changes: only the rows that are older than that transaction.
SELECT format('%s %s %s', count(*), coalesce(sum(hashtextextended(t::text, 1)), 0), coalesce(sum(hashtextextended(t::text, 2)), 0)) FROM ONLY {table} AS t
 WHERE age(t.xmin) > age('{since}'::xid8::xid)
