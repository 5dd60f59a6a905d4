-- In the sandbox, what ROLLBACK would not undo leaves a trace and does nothing: a function under the name
-- of each that moves a sequence, which stays moved whatever catches the error. PostgreSQL finds its own
-- functions by their OID, so they are renamed and not replaced. $names$ is the list.
CREATE SCHEMA birthgate_tripwire;
GRANT USAGE ON SCHEMA birthgate_tripwire TO PUBLIC;
CREATE FUNCTION birthgate_tripwire.trip(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM nextval(format('birthgate_tripwire.%I', p_name));
  RAISE EXCEPTION USING ERRCODE = 'PB027', MESSAGE = format('%s is not undone by ROLLBACK', p_name);
END
$$;
DO $$
DECLARE
  v_function record;
  v_name text;
BEGIN
  FOREACH v_name IN ARRAY '{names}'::text[] LOOP
    EXECUTE format('CREATE SEQUENCE birthgate_tripwire.%I', v_name);
  END LOOP;
  FOR v_function IN
    SELECT p.oid::regprocedure AS signature, p.proname, pg_get_function_result(p.oid) AS result,
           -- Arguments without their names, which can be those of columns; columns with theirs.
           (SELECT string_agg(concat_ws(' ', CASE a.mode WHEN 'v' THEN 'VARIADIC' WHEN 'i' THEN NULL ELSE 'OUT' END,
                                        CASE WHEN a.mode IN ('o', 't') THEN quote_ident(p.proargnames[a.place]) END, format_type(a.type, NULL),
                                        CASE WHEN a.mode IN ('i', 'v') AND a.place > p.pronargs - p.pronargdefaults THEN 'DEFAULT NULL' END), ', ' ORDER BY a.place)
              FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS t(type, place)
             CROSS JOIN LATERAL (SELECT t.type, t.place, coalesce(p.proargmodes[t.place], 'i') AS mode) AS a) AS arguments
      FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ('{names}'::text[])
  LOOP
    EXECUTE format('ALTER FUNCTION %s RENAME TO %I', v_function.signature, 'birthgate_was_' || v_function.proname);
    EXECUTE format('CREATE FUNCTION pg_catalog.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', v_function.proname, v_function.arguments,
                   CASE WHEN v_function.result LIKE 'TABLE(%%' THEN 'SETOF record' ELSE v_function.result END, format('BEGIN PERFORM birthgate_tripwire.trip(%L); END', v_function.proname));
  END LOOP;
END
$$;
