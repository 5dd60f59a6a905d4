-- What these names ($1) mean: tables; further names, of the tables that views read, that indexes and sequences belong to
-- and that use a type; and texts that name more: the bodies of functions with this name, and of the triggers' functions,
-- rules and policies of tables with this name.
WITH named AS (
  SELECT c.oid, c.relname, c.relkind, n.nspname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relname = ANY ($1::text[]) AND c.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)')
SELECT 'table' AS kind, pg_catalog.format('%I.%I', nspname, relname) AS text FROM named WHERE relkind IN ('r', 'p', 'm', 'f')
 UNION
SELECT 'name', t.relname::text
  FROM named r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
 UNION
SELECT 'name', t.relname::text FROM named r JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
 UNION
SELECT 'name', t.relname::text
  FROM pg_catalog.pg_type y JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = y.oid
   AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
  JOIN pg_catalog.pg_class t ON t.oid = d.objid
 WHERE y.typname = ANY ($1::text[]) AND y.oid >= 16384 AND y.typtype IN ('d', 'e', 'c', 'r')
 UNION
SELECT 'name', p.proname::text FROM named r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
 UNION
SELECT 'name', t.relname::text FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class t ON t.oid = k.conrelid
 WHERE k.conname = ANY ($1::text[])
 UNION
SELECT 'text', p.prosrc FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.proname = ANY ($1::text[]) AND p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal')
 UNION
SELECT 'text', pg_catalog.pg_get_ruledef(w.oid) FROM named r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid AND r.relkind IN ('r', 'p')
