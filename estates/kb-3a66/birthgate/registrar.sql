-- Registrar credentials: a login of its own, which may register tools and end what is gone.
DO $$
BEGIN
  IF to_regrole('registrar') IS NULL THEN
    CREATE ROLE registrar LOGIN;
  END IF;
END
$$;
GRANT birthgate_registrar TO registrar;
GRANT USAGE ON SCHEMA public TO registrar;
GRANT SELECT, INSERT ON public.dot_tools TO registrar;
GRANT USAGE ON SEQUENCE public.dot_tools_id_seq TO registrar;
