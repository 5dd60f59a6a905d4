-- Drops the schema and everything in it; the roles are the next file's.
SET LOCAL client_min_messages = warning;
DROP SCHEMA birthgate CASCADE;
