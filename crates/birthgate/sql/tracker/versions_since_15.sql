-- What versions.sql cannot name on PostgreSQL 14; appended to it.
 UNION ALL
SELECT 'pg_publication_namespace'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_publication_namespace WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_parameter_acl'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_parameter_acl WHERE xmin <> '1'
