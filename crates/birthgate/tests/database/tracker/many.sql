-- Tables of ten columns, two indexes and a foreign key each.
CREATE TABLE t0 (id bigint PRIMARY KEY);
DO $do$ BEGIN
  FOR i IN 1..{tables} LOOP
    EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, a int, b text NOT NULL DEFAULT ''x'', c timestamptz DEFAULT now(), d numeric(10,2), e boolean,
                      f jsonb, g uuid, h date, parent bigint REFERENCES t%s)', i, i - 1);
    EXECUTE format('CREATE INDEX ON t%s (a, b)', i);
  END LOOP;
  EXECUTE 'CREATE TABLE IF NOT EXISTS t7 (id int)';
END $do$;
