-- Whether there is an incarnation that this role may read.
SELECT coalesce(has_table_privilege(to_regclass('birthgate.instance'), 'SELECT')
                AND has_schema_privilege(to_regnamespace('birthgate'), 'USAGE'), false)
