-- Changes of the schema that come to nothing: whose rows they touch all the same, logs changes of the schema.
CREATE SCHEMA birthgate_probe;
CREATE TABLE birthgate_probe.probe (a int);
ALTER TABLE birthgate_probe.probe ADD COLUMN b int;
DROP SCHEMA birthgate_probe CASCADE;
