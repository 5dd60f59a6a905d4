-- Rows, rows without a whole new key, and keys that more than one row has. {key}: its columns; {nulls}: whether one is NULL.
SELECT (SELECT count(*) FROM {table} AS t) AS row_count, (SELECT count(*) FROM {table} AS t WHERE {nulls}) AS null_count,
       coalesce(d.violations, 0) AS violations, coalesce(d.samples, '{}') AS samples
  FROM (SELECT count(*) AS violations, (array_agg(sample ORDER BY sample))[1:5] AS samples
          FROM (SELECT concat_ws(', ', {key}) || ' (' || count(*) || ' rows)' AS sample FROM {table} AS t WHERE NOT ({nulls}) GROUP BY {key} HAVING count(*) > 1) AS doubled) AS d
