DO $$
DECLARE
  v_collection text;
  v_statement text;
BEGIN
  FOR v_collection IN SELECT collection_name FROM birthgate.collection ORDER BY collection_name LOOP
    FOREACH v_statement IN ARRAY (SELECT array_agg(statement) FROM birthgate.ungovern_plan(v_collection) AS statement) LOOP
      EXECUTE v_statement;
    END LOOP;
  END LOOP;
END
$$;
