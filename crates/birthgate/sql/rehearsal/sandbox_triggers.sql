-- Triggers that replica role alone would still fire, the statements that silence them and that bring them back. Those
-- of events come first and go last: they would see the statements for the others.
SELECT format('ALTER EVENT TRIGGER %I DISABLE', e.evtname) AS off,
       format('ALTER EVENT TRIGGER %I ENABLE %s', e.evtname, CASE e.evtenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END) AS on, 1 AS place
  FROM pg_event_trigger e WHERE e.evtenabled IN ('A', 'R')
 UNION ALL
SELECT format('ALTER TABLE %I.%I DISABLE TRIGGER %I', n.nspname, c.relname, t.tgname),
       format('ALTER TABLE %I.%I ENABLE %s TRIGGER %I', n.nspname, c.relname, CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, t.tgname), 2
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 -- Those of partitions follow their table's.
 WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') AND c.oid >= 16384
 ORDER BY place
