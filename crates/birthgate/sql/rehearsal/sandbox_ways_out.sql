-- After the schema is restored: what could reach another server says so instead.
DO $$
DECLARE
  v_function record;
  v_wrapper name;
BEGIN
  FOR v_wrapper IN SELECT fdwname FROM pg_foreign_data_wrapper WHERE fdwhandler <> 0 LOOP
    EXECUTE format('ALTER FOREIGN DATA WRAPPER %I NO HANDLER', v_wrapper);
  END LOOP;
  FOR v_function IN
    SELECT p.oid, p.proname, format('%I.%I', n.nspname, p.proname) AS name, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
      LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      LEFT JOIN pg_extension e ON e.oid = d.refobjid
     WHERE p.oid >= 16384 AND p.prokind = 'f' AND n.nspname <> 'birthgate_tripwire' AND l.lanname NOT IN ('internal', 'sql', 'plpgsql')
       AND p.prorettype <> 'event_trigger'::regtype
       AND (e.extname IN ('dblink', 'http', 'pg_net', 'pg_cron', 'pg_background', 'aws_s3', 'aws_lambda')
            OR e.oid IS NULL AND NOT l.lanpltrusted)
  LOOP
    EXECUTE format('CREATE SEQUENCE IF NOT EXISTS birthgate_tripwire.%I', left(v_function.proname, 63));
    EXECUTE format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql AS %L', v_function.name, v_function.arguments,
                   v_function.result, format('BEGIN PERFORM birthgate_tripwire.trip(%L); END', v_function.proname));
  END LOOP;
END
$$;
