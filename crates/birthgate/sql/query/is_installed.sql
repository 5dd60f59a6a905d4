-- No name is looked up in a schema that this role may not use: that is an error, and not no answer.
-- Somebody else's schema of that name is not Birthgate: its functions would run as whoever asks.
SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AS is_there, pg_catalog.max(pg_catalog.pg_get_userbyid(n.nspowner)::pg_catalog.text) AS owner
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE n.nspname OPERATOR(pg_catalog.=) 'birthgate' AND c.relname OPERATOR(pg_catalog.=) 'schema_version'
