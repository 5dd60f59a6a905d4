SELECT c.collection_name, format('%I.%I', c.table_schema, c.table_name) AS "table", c.code_columns, c.mode, c.form,
       c.finalize, c.critical, r.pattern AS rule,
       coalesce('broken: ' || birthgate.gate_problem(c.collection_name),
                CASE WHEN birthgate.is_copy() THEN 'copy: the apply of its subscription is not gated, all others are' END,
                birthgate.trust(to_regclass(format('%I.%I', c.table_schema, c.table_name))),
                'gone: its table is not there') AS trust
  FROM birthgate.collection c LEFT JOIN birthgate.code_rule r USING (collection_name)
 ORDER BY c.collection_name
