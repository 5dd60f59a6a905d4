-- The foreign keys, without those that partitions have of their parents: the columns with the types of what they refer to.
SELECT c.conrelid AS child, c.confrelid AS parent, c.confdeltype NOT IN ('a', 'r') OR c.confupdtype NOT IN ('a', 'r') AS passes_on,
       array_agg(quote_ident(ca.attname) ORDER BY k.place) AS child_columns, array_agg(quote_ident(pa.attname) ORDER BY k.place) AS parent_columns,
       array_agg(format_type(pa.atttypid, pa.atttypmod) ORDER BY k.place) AS types
  FROM pg_constraint c CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(child, parent, place)
  JOIN pg_attribute ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
  JOIN pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
 WHERE c.contype = 'f' AND c.conparentid = 0 AND coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false) IS FALSE
 GROUP BY c.oid
