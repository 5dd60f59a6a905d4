-- Keeps the definition of the table of human approvals as it is; see birthgate.keep_table.
SELECT table_to_xmlschema(c.oid::regclass, false, false, '') IS NOT NULL FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')
