-- What every role of Birthgate may see of the collections; whether their gates are whole is another question.
SELECT c.collection_name, format('%I.%I', c.table_schema, c.table_name) AS "table", c.code_columns, c.mode, c.finalize, c.critical, r.pattern AS rule
  FROM birthgate.collection c LEFT JOIN birthgate.code_rule r USING (collection_name)
 ORDER BY c.collection_name
