SELECT to_regclass('birthgate.schema_version') IS NOT NULL
