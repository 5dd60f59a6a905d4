-- Constraints that old rows need not hold: the statements that take them away while rows come, and that bring them back.
SELECT format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, r.relname, c.conname) AS off,
       concat_ws('; ', format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, r.relname, c.conname, pg_get_constraintdef(c.oid)),
                 format('COMMENT ON CONSTRAINT %I ON %I.%I IS ', c.conname, n.nspname, r.relname) || quote_literal(obj_description(c.oid, 'pg_constraint'))) AS on
  FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
 WHERE c.contype IN ('c', 'n') AND NOT c.convalidated AND c.coninhcount = 0
