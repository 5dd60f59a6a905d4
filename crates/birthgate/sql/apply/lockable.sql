-- Which of these tables are there and may be locked by us. A view in a table's place is not: its owner's privileges would
-- decide.
SELECT name FROM unnest($1::text[]) AS name JOIN pg_class c ON c.oid = to_regclass(name)
 WHERE c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
