-- Drops the schemas and everything in them; the roles are the next file's.
SET LOCAL client_min_messages = warning;
DROP SCHEMA IF EXISTS birthgate_look CASCADE;
DROP SCHEMA birthgate CASCADE;
