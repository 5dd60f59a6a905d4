-- Who else may set a parameter, or have it set for him, since PostgreSQL 15.
SELECT 'parameter' AS kind, p.parname AS identity, jsonb_build_object('acl', p.paracl::text) AS attributes FROM pg_parameter_acl p
