-- What versions.sql cannot name on PostgreSQL 14; appended to it.
 UNION ALL
SELECT 'pg_publication_namespace', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_publication_namespace
 UNION ALL
SELECT 'pg_parameter_acl', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_parameter_acl
