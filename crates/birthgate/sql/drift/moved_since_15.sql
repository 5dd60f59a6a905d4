-- Who may set a parameter, since PostgreSQL 15.
SELECT coalesce(sum(hashtextextended(concat(oid, ' ', xmin), 0)), 0)::text AS moved FROM pg_parameter_acl
