-- About how many births there are, as the planner takes it; -1 where nobody has counted.
SELECT c.reltuples::float8 FROM birthgate.instance i
  JOIN pg_catalog.pg_class c ON c.oid = to_regclass(CASE WHEN i.registry_table IS NULL THEN 'birthgate.birth_registry'
                                                         ELSE format('%I.%I', i.registry_schema, i.registry_table) END)
