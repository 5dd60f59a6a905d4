-- Nothing is for PUBLIC, and user tables are read as birthgate_reader alone.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA birthgate, birthgate_look FROM PUBLIC;
REVOKE ALL ON SCHEMA birthgate, birthgate_look FROM PUBLIC;

-- Earlier versions let birthgate_reader own functions that it could reach.
DROP FUNCTION IF EXISTS birthgate.rows_present(birthgate.collection, text[]);
DO $$
DECLARE
  v_function regprocedure;
BEGIN
  FOR v_function IN SELECT oid FROM pg_catalog.pg_proc
                     WHERE pronamespace = 'birthgate'::regnamespace AND proowner = 'birthgate_reader'::regrole LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO birthgate_owner', v_function);
  END LOOP;
  -- Owning a function takes CREATE on its schema, for as long as it changes hands.
  GRANT CREATE ON SCHEMA birthgate_look TO birthgate_reader;
  FOR v_function IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'birthgate_look'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO birthgate_reader', v_function);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO birthgate_owner', v_function);
  END LOOP;
  REVOKE ALL ON SCHEMA birthgate_look FROM birthgate_reader;
END
$$;
