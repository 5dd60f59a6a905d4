-- How many rows a table has, and how many of their versions are not older than a transaction.
SELECT count(*)::text, count(*) FILTER (WHERE t.xmin::text::bigint >= {since}) FROM ONLY {table} AS t
