-- The tables of these names and those that their foreign keys refer to, these first; why one cannot be
-- cloned; and the names, each after its schema, that mean something of it: itself, its indexes, its sequences, its triggers' functions.
WITH RECURSIVE source (oid, depth) AS (
  SELECT to_regclass(name)::oid, 0 FROM unnest($1::text[]) AS name
   UNION
  SELECT k.confrelid, s.depth + 1 FROM source s JOIN pg_constraint k ON k.conrelid = s.oid AND k.contype = 'f'
   WHERE k.confrelid <> s.oid AND s.depth < 50),
ordered AS (SELECT oid, max(depth) AS depth FROM source GROUP BY oid)
SELECT o.oid, format('%I.%I', n.nspname, c.relname) AS name,
       CASE WHEN c.oid IS NULL THEN 'an earlier step makes it'
            WHEN c.relkind <> 'r' OR c.relispartition OR EXISTS (SELECT FROM pg_inherits i WHERE o.oid IN (i.inhrelid, i.inhparent))
              THEN format('%I.%I is no ordinary table by itself', n.nspname, c.relname)
            WHEN c.relpersistence = 't' THEN format('%I.%I is temporary already', n.nspname, c.relname)
            WHEN EXISTS (SELECT FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                           LEFT JOIN pg_class s ON d.refclassid = 'pg_class'::regclass AND s.oid = d.refobjid AND s.relkind = 'S'
                          WHERE f.adrelid = o.oid AND (s.oid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_depend own
                                  WHERE own.classid = 'pg_class'::regclass AND own.objid = s.oid AND own.refobjid = o.oid AND own.deptype = 'a')
                                OR d.refclassid = 'pg_proc'::regclass AND d.refobjid >= 16384))
              THEN format('a default of %I.%I uses a sequence or a function that is not its own', n.nspname, c.relname)
            WHEN EXISTS (SELECT FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
                          WHERE k.conrelid = o.oid AND d.refclassid = 'pg_proc'::regclass AND d.refobjid >= 16384)
              THEN format('a constraint of %I.%I calls a function', n.nspname, c.relname)
            ELSE (SELECT format('%s refers to %I.%I', k.conrelid::regclass, n.nspname, c.relname) FROM pg_constraint k
                   WHERE k.confrelid = o.oid AND k.contype = 'f' AND k.conrelid NOT IN (SELECT oid FROM ordered) LIMIT 1)
       END AS problem,
       coalesce(pg_total_relation_size(c.oid), 0) AS bytes,
       ARRAY(SELECT unnest(ARRAY[x.nspname::text, x.name::text]) FROM (
               SELECT n.nspname, c.relname AS name
                UNION
               SELECT n.nspname, i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = o.oid
                UNION
               SELECT sn.nspname, s.relname FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
                WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = o.oid AND d.deptype IN ('a', 'i')
                UNION
               SELECT pn.nspname, p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace
                WHERE t.tgrelid = o.oid AND NOT t.tgisinternal AND p.oid >= 16384) AS x) AS names
  FROM ordered o LEFT JOIN pg_class c ON c.oid = o.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY o.depth DESC, name
