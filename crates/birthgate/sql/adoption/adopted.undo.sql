-- Everything of the adoption but its columns and indexes, which steps of their own take back.
DO $$
DECLARE
  v_statement text;
BEGIN
  FOREACH v_statement IN ARRAY (
    SELECT array_agg(statement) FROM birthgate.unadopt_plan() AS statement WHERE statement !~ 'DROP COLUMN origin') LOOP
    EXECUTE v_statement;
  END LOOP;
END
$$;
ALTER TABLE {registry} ALTER born_xid DROP DEFAULT, ALTER incarnation DROP DEFAULT;
REVOKE USAGE ON SCHEMA {schema} FROM birthgate_owner;
