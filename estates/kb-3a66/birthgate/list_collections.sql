-- The collections that the estate itself lists.
SELECT collection_name, format('%I.%I', 'public', table_name) AS "table", code_column, is_critical
  FROM public.collection_registry ORDER BY collection_name
