-- After the schema is restored: the same for functions of its extensions ("library/symbol", or "library/*"; those
-- of the server itself are "/name"), for functions in C of no extension, and for those in languages that may do
-- anything. Foreign tables reach nothing.
DO $$
DECLARE
  v_function record;
  v_was text;
  v_names constant text[] := '{runs}'::text[] || '{fails}'::text[] || '{answers}'::text[];
BEGIN
  UPDATE pg_foreign_data_wrapper SET fdwhandler = 0 WHERE fdwhandler <> 0;
  FOR v_function IN
    WITH server AS (
      SELECT prosrc, '/' || regexp_replace(min(proname), '^birthgate_was_', '') AS id FROM pg_proc
       WHERE oid < 16384 AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'internal') GROUP BY prosrc
    ), own AS (
      SELECT p.oid, p.proname, format('%I.%I', n.nspname, p.proname) AS name, l.lanname, p.probin, p.prosrc, l.lanpltrusted,
             pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result, regexp_replace(p.probin, '^.*/|\.so$', '', 'g') AS file,
             EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') AS is_of_an_extension
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
       WHERE p.oid >= 16384 AND p.prokind = 'f' AND n.nspname <> 'birthgate_tripwire' AND NOT l.lanpltrusted AND l.lanname <> 'sql'
         AND p.prorettype <> 'event_trigger'::regtype
    )
    SELECT own.*, CASE
             WHEN i.ids && '{fails}'::text[] THEN 'fails'
             WHEN i.ids && '{answers}'::text[] THEN 'answers'
             WHEN i.ids && '{runs}'::text[] THEN 'runs'
             WHEN NOT own.is_of_an_extension AND own.lanname <> 'internal' THEN 'fails'
           END AS how
      FROM own LEFT JOIN server ON own.lanname = 'internal' AND server.prosrc = own.prosrc
     CROSS JOIN LATERAL (SELECT array_remove(ARRAY[server.id, own.file || '/*', own.file || '/' || own.prosrc, own.file || '/' || regexp_replace(own.prosrc, '_v?\d+_\d+$', '')], NULL) AS ids) AS i
     WHERE i.ids && v_names OR NOT own.is_of_an_extension AND own.lanname <> 'internal'
  LOOP
    PERFORM birthgate_tripwire.lay(left(v_function.proname, 63));
    v_was := format('birthgate_tripwire.was_%s', v_function.oid);
    IF v_function.how <> 'fails' THEN
      EXECUTE format('CREATE FUNCTION %s(%s) RETURNS %s LANGUAGE %I AS %s', v_was, v_function.arguments, v_function.result, v_function.lanname,
                     concat_ws(', ', quote_literal(v_function.probin), quote_literal(v_function.prosrc)));
      EXECUTE format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE sql AS %L', v_function.name, v_function.arguments, v_function.result,
                     birthgate_tripwire.body(v_function.oid, v_function.proname, v_was, v_function.how));
    ELSE
      EXECUTE format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql AS %L', v_function.name, v_function.arguments, v_function.result,
                     format('BEGIN PERFORM birthgate_tripwire.trip(%L); END', v_function.proname));
    END IF;
  END LOOP;
END
$$;
-- From here on who makes a function in C or "internal" leaves a trace.
UPDATE pg_language SET lanvalidator = 'birthgate_tripwire.native'::regproc WHERE lanname IN ('c', 'internal');
CREATE EVENT TRIGGER birthgate_range_types ON ddl_command_start WHEN TAG IN ('CREATE TYPE', 'CREATE FUNCTION', 'CREATE PROCEDURE')
  EXECUTE FUNCTION birthgate_tripwire.may_make_range_types();
CREATE EVENT TRIGGER birthgate_range_types_made ON ddl_command_end WHEN TAG IN ('CREATE TYPE')
  EXECUTE FUNCTION birthgate_tripwire.may_make_range_types();
ALTER EVENT TRIGGER birthgate_range_types ENABLE ALWAYS;
ALTER EVENT TRIGGER birthgate_range_types_made ENABLE ALWAYS;
CREATE EVENT TRIGGER birthgate_wrappers ON ddl_command_end WHEN TAG IN ('CREATE FOREIGN DATA WRAPPER', 'ALTER FOREIGN DATA WRAPPER')
  EXECUTE FUNCTION birthgate_tripwire.take_handlers();
ALTER EVENT TRIGGER birthgate_wrappers ENABLE ALWAYS;
