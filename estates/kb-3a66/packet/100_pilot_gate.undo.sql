-- By the role that granted it: from PostgreSQL 16 on a membership is its grantor's to revoke.
SET LOCAL ROLE birthgate_owner;
REVOKE birthgate_admitter FROM directus_app;
RESET ROLE;
DO $$
DECLARE
  v_statement text;
BEGIN
  FOREACH v_statement IN ARRAY (SELECT array_agg(statement) FROM birthgate.ungovern_plan('dot_tools') AS statement) LOOP
    EXECUTE v_statement;
  END LOOP;
  FOREACH v_statement IN ARRAY (
    SELECT array_agg(statement)
      FROM birthgate.govern_plan('dot_tools', 'public.dot_tools', '{code}', 'listed', NULL, 'required', true,
                                 NULL, '{}', false, '{}') AS statement) LOOP
    EXECUTE v_statement;
  END LOOP;
END
$$;
