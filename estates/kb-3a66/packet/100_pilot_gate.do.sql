-- dot_tools under permits, finalised at the commit, its code rule in the registry: dot-birth-admit is a legal
-- code now. The global fn_birth_gate stays as it is; only its trigger leaves this table.
DO $$
DECLARE
  v_statement text;
BEGIN
  FOREACH v_statement IN ARRAY (SELECT array_agg(statement) FROM birthgate.ungovern_plan('dot_tools') AS statement) LOOP
    EXECUTE v_statement;
  END LOOP;
  FOREACH v_statement IN ARRAY (
    SELECT array_agg(statement)
      FROM birthgate.govern_plan('dot_tools', 'public.dot_tools', '{code}', 'enforce', NULL, 'required', true,
                                 '^([A-Z]+-[0-9]+|dot-[a-z]+-[a-z]+)$', '{trg_birth_gate}', false, '{}') AS statement) LOOP
    EXECUTE v_statement;
  END LOOP;
END
$$;
SELECT birthgate.admission_grant_set('directus_app', 'dot_tools', NULL);
