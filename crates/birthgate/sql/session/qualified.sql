-- The schema and the name of the relation that a user names, found by the login's own path.
SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)
