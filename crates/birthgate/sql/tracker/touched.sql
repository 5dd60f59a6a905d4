-- The relations and functions whose texts may be others now. $1, $2: the classes and ids of the objects that moved; $3, $4: of those
-- among them whose names, or whose columns' names, may be others. What names them is found by its dependency, through functions and
-- types on to what names these, and not further than to the next relation: its own name is what it was.
WITH RECURSIVE named AS (SELECT class, id FROM unnest($3::oid[], $4::oid[]) AS n(class, id)),
named_relation AS (SELECT id FROM named WHERE class = 'pg_class'::regclass),
depending(class, id, ends) AS (
  SELECT class, id, false FROM (
    SELECT class, id FROM named
     UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM named_relation n JOIN pg_index i ON i.indrelid = n.id
     UNION ALL SELECT 'pg_type'::regclass, c.reltype FROM named_relation n JOIN pg_class c ON c.oid = n.id) AS own
   UNION
  SELECT d.classid, d.objid, d.classid = 'pg_class'::regclass
    FROM depending p JOIN pg_depend d ON d.refclassid = p.class AND d.refobjid = p.id WHERE NOT p.ends),
touched AS (
  SELECT class, id FROM depending UNION SELECT class, id FROM unnest($1::oid[], $2::oid[]) AS m(class, id)),
near(id) AS (
  SELECT CASE WHEN c.relkind IN ('i', 'I') THEN i.indrelid WHEN c.relkind = 't' THEN d.refobjid ELSE c.oid END
    FROM touched t JOIN pg_class c ON c.oid = t.id LEFT JOIN pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_depend d ON c.relkind = 't' AND d.classid = t.class AND d.objid = t.id AND d.refclassid = t.class AND d.deptype = 'i'
   WHERE t.class = 'pg_class'::regclass
   UNION SELECT c.typrelid FROM touched t JOIN pg_type c ON c.oid = t.id WHERE t.class = 'pg_type'::regclass
   UNION SELECT c.conrelid FROM touched t JOIN pg_constraint c ON c.oid = t.id WHERE t.class = 'pg_constraint'::regclass
   UNION SELECT c.tgrelid FROM touched t JOIN pg_trigger c ON c.oid = t.id WHERE t.class = 'pg_trigger'::regclass
   UNION SELECT c.ev_class FROM touched t JOIN pg_rewrite c ON c.oid = t.id WHERE t.class = 'pg_rewrite'::regclass
   UNION SELECT c.polrelid FROM touched t JOIN pg_policy c ON c.oid = t.id WHERE t.class = 'pg_policy'::regclass
   UNION SELECT c.adrelid FROM touched t JOIN pg_attrdef c ON c.oid = t.id WHERE t.class = 'pg_attrdef'::regclass
   UNION SELECT c.stxrelid FROM touched t JOIN pg_statistic_ext c ON c.oid = t.id WHERE t.class = 'pg_statistic_ext'::regclass),
relation AS (
  SELECT id FROM near
   -- The triggers of a foreign key on the table that it refers to bear its name and its table's.
   UNION SELECT c.confrelid FROM near n JOIN pg_constraint c ON c.conrelid = n.id WHERE c.contype = 'f'
   -- Bounds of partitions are constants of their parent's key; triggers and indexes of partitions name those of the parent.
   UNION SELECT i.inhrelid FROM near n JOIN pg_inherits i ON i.inhparent = n.id)
SELECT ARRAY(SELECT c.oid FROM relation r JOIN pg_class c ON c.oid = r.id JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AS relations,
       ARRAY(SELECT c.oid FROM relation r JOIN pg_class c ON c.oid = r.id JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname ~ '^pg_(toast|temp|toast_temp)(_|$)') AS temporary,
       ARRAY(SELECT p.oid FROM touched t JOIN pg_proc p ON p.oid = t.id JOIN pg_namespace n ON n.oid = p.pronamespace
              WHERE t.class = 'pg_proc'::regclass AND n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AS functions
