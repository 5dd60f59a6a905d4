-- Triggers, enabled or not; $1: the relations, or NULL for all. Those of a foreign key are named by their
-- constraint and function, since their own names hold OIDs. PostgreSQL 14 takes a partition's copy of a trigger for internal as well.
SELECT 'trigger' AS kind,
       CASE WHEN t.tgisinternal AND k.contype <> 't' THEN format('%I of constraint %I of %s on %s', p.proname, k.conname, k.conrelid::regclass, t.tgrelid::regclass)
            ELSE format('%I on %s', t.tgname, t.tgrelid::regclass) END AS identity,
       jsonb_strip_nulls(jsonb_build_object(
         'enabled', CASE t.tgenabled WHEN 'O' THEN 'yes' WHEN 'A' THEN 'always' WHEN 'R' THEN 'replica' ELSE 'no' END,
         'definition', CASE WHEN NOT t.tgisinternal OR k.contype IS NULL OR k.contype = 't' THEN pg_get_triggerdef(t.oid) END,
         'partition of', (SELECT tgrelid::regclass::text FROM pg_trigger WHERE oid = t.tgparentid),
         'comment', obj_description(t.oid, 'pg_trigger'))) AS attributes
     , t.tgrelid AS unit
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_proc p ON p.oid = t.tgfoid LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint
 WHERE ($1::oid[] IS NOT NULL OR n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AND ($1::oid[] IS NULL OR t.tgrelid = ANY ($1))
