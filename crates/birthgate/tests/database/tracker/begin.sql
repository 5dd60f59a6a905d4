-- What the walks begin with. Roles belong to the server, and another walk may have left some.
DO $do$
DECLARE s text;
BEGIN
  FOR i IN 0..2 LOOP
    IF to_regrole('r' || i) IS NULL THEN EXECUTE format('CREATE ROLE r%s', i); END IF;
  END LOOP;
  CREATE SCHEMA s0;
  CREATE SCHEMA s1;
  FOREACH s IN ARRAY ARRAY['public', 's0', 's1'] LOOP
    FOR i IN 0..2 LOOP
      EXECUTE format('CREATE FUNCTION %s.f%s(a int) RETURNS int LANGUAGE sql IMMUTABLE AS ''SELECT a''', s, i);
      EXECUTE format('CREATE TABLE %s.t%s (id int PRIMARY KEY, a int, c0 text)', s, i);
      EXECUTE format('CREATE INDEX i%s ON %s.t%s (a)', i, s, i);
      EXECUTE format('CREATE DOMAIN %s.d%s AS int', s, i);
    END LOOP;
  END LOOP;
  FOR i IN 0..2 LOOP
    EXECUTE format('CREATE TYPE e%s AS ENUM (''a'', ''b'')', i);
    EXECUTE format('CREATE TYPE c%s AS (x int, y text)', i);
  END LOOP;
END $do$;
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION watched() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TABLE parted (id int, k int) PARTITION BY RANGE (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES FROM (0) TO (10);
