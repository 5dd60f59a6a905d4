-- No name is looked up in a schema that this role may not use: that is an error, and not no answer.
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'birthgate' AND c.relname = 'schema_version')
