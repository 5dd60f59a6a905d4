-- Five hundred times eight objects: a table with key, check, index, sequence and trigger, and a function.
DO $$
BEGIN
  FOR n IN {from}..{from} + 499 LOOP
    EXECUTE format('CREATE FUNCTION f_%s() RETURNS trigger LANGUAGE plpgsql AS %L', n, format('BEGIN RAISE NOTICE %L; RETURN NULL; END', n));
    EXECUTE format('CREATE TABLE t_%s (id bigserial PRIMARY KEY, code text NOT NULL, a int DEFAULT 7, b numeric(10, 2), c timestamptz DEFAULT now(), d jsonb, CHECK (a > 0))', n);
    EXECUTE format('CREATE INDEX ON t_%s (code, a)', n);
    EXECUTE format('CREATE TRIGGER noted AFTER INSERT ON t_%s FOR EACH ROW EXECUTE FUNCTION f_%s()', n, n);
    EXECUTE format('GRANT SELECT ON t_%s TO bench_app', n);
  END LOOP;
END
$$;
