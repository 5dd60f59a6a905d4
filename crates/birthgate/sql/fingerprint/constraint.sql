-- Constraints of tables and domains; $1: the relations, or NULL for all. From 18 on a NOT NULL is a
-- constraint as well: the column says it, so that equal tables are equal on every version.
SELECT 'constraint' AS kind,
       format('%I on %s', c.conname, CASE WHEN c.conrelid <> 0 THEN c.conrelid::regclass::text ELSE format_type(c.contypid, NULL) END) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
         'definition', pg_get_constraintdef(c.oid), 'type', c.contype,
         'deferrable', c.condeferrable, 'deferred', c.condeferred, 'validated', c.convalidated,
         'inherited', CASE WHEN NOT c.conislocal THEN true END, 'no inherit', CASE WHEN c.connoinherit AND c.contype = 'c' THEN true END,
         'comment', obj_description(c.oid, 'pg_constraint'))) AS attributes
     , c.conrelid AS unit
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE c.oid >= 16384 AND ($1::oid[] IS NOT NULL AND c.conrelid <> 0 OR n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AND c.contype <> 't'
   AND (c.contype <> 'n' OR NOT c.convalidated)
   AND ($1::oid[] IS NULL OR c.conrelid = ANY ($1))
