-- In the sandbox, functions whose effect ROLLBACK does not undo leave a trace: a sequence that moves, and stays
-- moved whatever catches an error. What stays in the sandbox runs there ({runs}); what would reach out of it fails
-- ({fails}); what acts on sessions ({answers}) answers as if it had, for the only others are the rehearsal's own.
-- PostgreSQL finds its own functions by their OID, so they are renamed and not replaced.
CREATE SCHEMA birthgate_tripwire;
GRANT USAGE ON SCHEMA birthgate_tripwire TO PUBLIC;
CREATE FUNCTION birthgate_tripwire.note(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM nextval(format('birthgate_tripwire.%I', p_name));
END
$$;
CREATE FUNCTION birthgate_tripwire.trip(p_name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM nextval(format('birthgate_tripwire.%I', p_name));
  RAISE EXCEPTION USING ERRCODE = 'PB027', MESSAGE = format('%s is not undone by ROLLBACK', p_name);
END
$$;
CREATE FUNCTION birthgate_tripwire.is_another(p_pid int) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
  'SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = p_pid AND pid <> pg_backend_pid())';
-- A wire that is touched makes no transaction one that has written, which some functions refuse: since 15 it is
-- unlogged; in 14 its first move writes to the WAL, and the next 32 until a checkpoint do not.
CREATE FUNCTION birthgate_tripwire.lay(p_name text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE %s SEQUENCE IF NOT EXISTS birthgate_tripwire.%I', CASE WHEN current_setting('server_version_num')::int >= 150000 THEN 'UNLOGGED' END, p_name);
  PERFORM nextval(format('birthgate_tripwire.%I', p_name));
END
$$;
-- The body that stands in for a function: p_was is what it is called now.
CREATE FUNCTION birthgate_tripwire.body(p_function oid, p_name text, p_was text, p_how text) RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE p_how
           WHEN 'answers' THEN format('SELECT birthgate_tripwire.note(%L); SELECT CASE WHEN birthgate_tripwire.is_another($1) THEN true ELSE %s(%s) END', p_name, p_was, a.list)
           ELSE format('SELECT birthgate_tripwire.%s(%L); SELECT * FROM %s(%s)', CASE p_how WHEN 'fails' THEN 'trip' ELSE 'note' END, p_name, p_was, a.list)
         END
    FROM pg_proc p CROSS JOIN LATERAL (
      SELECT coalesce(string_agg(CASE WHEN p.provariadic <> 0 AND place = p.pronargs THEN 'VARIADIC ' ELSE '' END || '$' || place, ', ' ORDER BY place), '') AS list
        FROM generate_series(1, p.pronargs) AS place) AS a
   WHERE p.oid = p_function
$$;
DO $$
DECLARE
  v_function record;
BEGIN
  FOR v_function IN
    SELECT p.oid, p.oid::regprocedure::text AS signature, p.proname, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result, w.how
      FROM (VALUES ('runs', '{runs}'::text[]), ('fails', '{fails}'), ('answers', '{answers}')) AS w (how, names)
      JOIN pg_proc p ON p.proname = ANY (w.names) AND p.pronamespace = 'pg_catalog'::regnamespace
  LOOP
    PERFORM birthgate_tripwire.lay(v_function.proname);
    EXECUTE format('ALTER FUNCTION %s RENAME TO %I', v_function.signature, 'birthgate_was_' || v_function.proname);
    EXECUTE format('CREATE FUNCTION pg_catalog.%I(%s) RETURNS %s LANGUAGE sql AS %L', v_function.proname, v_function.arguments, v_function.result,
                   birthgate_tripwire.body(v_function.oid, v_function.proname, 'pg_catalog.birthgate_was_' || v_function.proname, v_function.how));
    -- Who may call it is asked at the name that is called.
    UPDATE pg_proc SET proacl = (SELECT proacl FROM pg_proc WHERE oid = v_function.oid) WHERE oid = v_function.signature::regprocedure;
    IF v_function.how <> 'fails' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', v_function.oid::regprocedure);
    END IF;
  END LOOP;
END
$$;
-- A function in C may do anything under any name, and one in "internal" is another name of the server's: making one
-- leaves a trace, unless an extension brings it that is known to bring nothing of the kind ({quiet}). What the
-- language's own validator says is said as well; it refuses to be asked unless it is the language's.
SELECT birthgate_tripwire.lay('a function in C or internal');
CREATE FUNCTION birthgate_tripwire.native(p_function oid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_language oid := (SELECT prolang FROM pg_proc WHERE oid = p_function);
BEGIN
  IF EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
              WHERE d.classid = 'pg_proc'::regclass AND d.objid = p_function AND d.deptype = 'e' AND e.extname = ANY ('{quiet}'::text[])) THEN
    RETURN;
  END IF;
  PERFORM birthgate_tripwire.note('a function in C or internal');
  UPDATE pg_language SET lanvalidator = CASE lanname WHEN 'c' THEN 'fmgr_c_validator' ELSE 'fmgr_internal_validator' END::regproc WHERE oid = v_language;
  IF (SELECT lanname FROM pg_language WHERE oid = v_language) = 'c' THEN
    PERFORM fmgr_c_validator(p_function);
  ELSE
    PERFORM fmgr_internal_validator(p_function);
  END IF;
  UPDATE pg_language SET lanvalidator = 'birthgate_tripwire.native'::regproc WHERE oid = v_language;
END
$$;
-- CREATE TYPE … AS RANGE makes functions in "internal" and calls that language's own validator, which then has to be
-- the language's, for this one command.
CREATE FUNCTION birthgate_tripwire.may_make_range_types() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_validator oid := CASE WHEN TG_EVENT = 'ddl_command_start' AND TG_TAG = 'CREATE TYPE' THEN 'fmgr_internal_validator' ELSE 'birthgate_tripwire.native' END::regproc;
BEGIN
  UPDATE pg_language SET lanvalidator = v_validator WHERE lanname = 'internal' AND lanvalidator <> v_validator;
END
$$;
-- Foreign tables reach nothing: a wrapper to which somebody gives a handler loses it at once. That of an extension is
-- the extension's: after one that brings such a wrapper the rehearsal runs nothing that would read.
SELECT birthgate_tripwire.lay('a foreign-data wrapper with a handler');
CREATE FUNCTION birthgate_tripwire.take_handlers() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE NOT in_extension) THEN
    UPDATE pg_foreign_data_wrapper SET fdwhandler = 0 WHERE fdwhandler <> 0;
    IF FOUND THEN
      PERFORM birthgate_tripwire.note('a foreign-data wrapper with a handler');
    END IF;
  END IF;
END
$$;
