-- Indexes that a build beside writers has left half made, on these tables.
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND i.indrelid = ANY (SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name)
