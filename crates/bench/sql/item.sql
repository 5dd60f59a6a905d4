-- The table whose births are measured, and the login that they are measured as.
DO $$
BEGIN
  IF to_regrole('bench_app') IS NULL THEN
    CREATE ROLE bench_app LOGIN;
  END IF;
END
$$;
CREATE TABLE public.item (
  id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE,
  name text NOT NULL
);
GRANT INSERT ON public.item TO bench_app;
