-- As `birthgate registry adopt` does it; its columns and indexes are there already.
DO $$
DECLARE
  v_statement text;
BEGIN
  FOREACH v_statement IN ARRAY (
    SELECT array_agg(statement) FILTER (WHERE transactional)
      FROM birthgate.adopt_registry_plan({registry_literal}, {changelog_literal})) LOOP
    EXECUTE v_statement;
  END LOOP;
END
$$;
