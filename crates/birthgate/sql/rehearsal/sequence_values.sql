-- The statements that bring a sandbox's sequences to where they are here.
SELECT format('SELECT setval(%L, %s)', c.oid::regclass::text, pg_sequence_last_value(c.oid))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_temp' AND CASE c.relkind WHEN 'S' THEN pg_sequence_last_value(c.oid) IS NOT NULL END
