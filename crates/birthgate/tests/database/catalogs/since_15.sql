-- What can be made since PostgreSQL 15.
GRANT SET ON PARAMETER log_statement TO look_member;
CREATE PUBLICATION look_schemas FOR TABLES IN SCHEMA look;
ALTER PUBLICATION look_rows SET TABLE look.child (id, a) WHERE (id > 0);
