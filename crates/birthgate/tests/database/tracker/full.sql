-- One of everything, each standing on another.
CREATE TABLE hub (id serial PRIMARY KEY, a int DEFAULT 1, e e0 DEFAULT 'a', d d0, c c0);
CREATE TABLE leaf (id int PRIMARY KEY, hub int CONSTRAINT to_hub REFERENCES hub, n text);
CREATE VIEW shown AS SELECT h.id, h.a, l.n FROM hub AS h JOIN leaf AS l USING (id);
CREATE VIEW over AS SELECT * FROM shown;
CREATE VIEW called AS SELECT f0(a) AS f, e = 'b'::e0 AS b FROM hub;
CREATE FUNCTION composite(a int) RETURNS c0 LANGUAGE sql AS 'SELECT NULL::c0';
CREATE VIEW composed AS SELECT x FROM composite(1);
CREATE FUNCTION counted() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM hub; END;
CREATE FUNCTION of_row(h hub) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE INDEX by_f ON hub (f0(a));
CREATE TRIGGER fires AFTER UPDATE OF a ON hub FOR EACH ROW EXECUTE FUNCTION fired();
CREATE POLICY own ON leaf USING (EXISTS (SELECT FROM hub WHERE hub.a = 1));
CREATE RULE ruled AS ON INSERT TO leaf DO ALSO UPDATE hub SET a = 2;
CREATE STATISTICS counts ON id, a FROM hub;
CREATE PUBLICATION told FOR TABLE hub;
CREATE SEQUENCE loose OWNED BY hub.a;
CREATE TABLE base (x int);
CREATE TABLE derived (y int) INHERITS (base);
