-- The table of the tests, not yet governed. O-1 is older than its gate: a row without a birth.
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC;
CREATE TABLE public.thing (id bigint GENERATED ALWAYS AS IDENTITY, code text NOT NULL UNIQUE, name text);
INSERT INTO public.thing (code, name) VALUES ('O-1', 'old');
ALTER TABLE public.thing OWNER TO thing_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.thing TO app, other_app;
GRANT TRUNCATE ON public.thing TO cleaner;
