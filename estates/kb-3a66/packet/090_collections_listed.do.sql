-- The collections that the estate itself lists.
DO $$
DECLARE
  v_collection record;
  v_statement text;
BEGIN
  FOR v_collection IN SELECT * FROM public.collection_registry ORDER BY collection_name LOOP
    FOREACH v_statement IN ARRAY (
      SELECT array_agg(statement)
        FROM birthgate.govern_plan(v_collection.collection_name, format('public.%I', v_collection.table_name)::regclass,
                                   ARRAY[v_collection.code_column], 'listed', NULL, 'required', v_collection.is_critical,
                                   NULL, '{}', false, '{}') AS statement) LOOP
      EXECUTE v_statement;
    END LOOP;
  END LOOP;
END
$$;
