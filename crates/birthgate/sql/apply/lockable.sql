-- Which of these tables are there and may be locked by us, in the order in which everybody locks them: parents before their
-- children, who would deadlock with us otherwise. A view in a table's place is not: its owner's privileges would decide.
SELECT name FROM unnest($1::text[]) AS name JOIN pg_class c ON c.oid = to_regclass(name)
 WHERE c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
 ORDER BY (WITH RECURSIVE above AS (
             SELECT c.oid, 0 AS depth UNION ALL SELECT i.inhparent, depth + 1 FROM above JOIN pg_inherits i ON i.inhrelid = above.oid)
           SELECT max(depth) FROM above), name
