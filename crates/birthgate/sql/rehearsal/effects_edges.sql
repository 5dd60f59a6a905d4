-- From what to what effects_reachable.sql leads without any text that names it. "on" are the changes of rows
-- that lead there, as pg_trigger.tgtype has them (4 INSERT, 8 DELETE, 16 UPDATE, 32 TRUNCATE), 0 for any use;
-- "gives" are those that arrive there, NULL for the same. From 0 lead the event triggers.
WITH trees AS (
  -- Expressions as they are stored: they name functions by their OID.
  SELECT d.adrelid AS from_oid, CASE WHEN a.attgenerated <> '' THEN 20 ELSE 4 END AS "on", d.adbin::text AS tree, d.oid AS attrdef
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
   UNION ALL
  SELECT ev_class, CASE ev_type WHEN '2' THEN 16 WHEN '3' THEN 4 WHEN '4' THEN 8 ELSE 0 END, concat(ev_action::text, ev_qual::text), NULL FROM pg_rewrite WHERE oid >= 16384
   UNION ALL
  SELECT CASE conrelid WHEN 0 THEN contypid ELSE conrelid END, 0, conbin::text, NULL FROM pg_constraint WHERE conbin IS NOT NULL AND oid >= 16384
   UNION ALL
  SELECT indrelid, 0, concat(indexprs::text, indpred::text), NULL FROM pg_index WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
   UNION ALL
  SELECT polrelid, 0, concat(polqual::text, polwithcheck::text), NULL FROM pg_policy
   UNION ALL
  SELECT partrelid, 0, partexprs::text, NULL FROM pg_partitioned_table WHERE partexprs IS NOT NULL
   UNION ALL
  SELECT tgrelid, tgtype & 60, tgqual::text, NULL FROM pg_trigger WHERE tgqual IS NOT NULL
   UNION ALL
  SELECT oid, 0, typdefaultbin::text, NULL FROM pg_type WHERE typdefaultbin IS NOT NULL AND oid >= 16384
   UNION ALL
  SELECT oid, 0, proargdefaults::text, NULL FROM pg_proc WHERE proargdefaults IS NOT NULL AND oid >= 16384
), of_defaults AS (
  SELECT a.adrelid, a.oid AS attrdef, d.refobjid AS sequence
    FROM pg_attrdef a JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'S'
)
SELECT t.from_oid, t."on", f.oid AS to_oid, NULL::int AS gives
  FROM trees t CROSS JOIN LATERAL (SELECT DISTINCT (regexp_matches(t.tree, ':(?:opfuncid|funcid|aggfnoid|winfnoid) (\d+)', 'g'))[1]::oid AS oid) AS f
 WHERE (f.oid >= 16384 OR f.oid = ANY ($1))
       -- Which sequence it is, is known.
   AND NOT (t.attrdef IS NOT NULL AND EXISTS (SELECT FROM of_defaults o WHERE o.attrdef = t.attrdef) AND (SELECT proname FROM pg_proc WHERE oid = f.oid) = 'nextval')
 UNION
SELECT adrelid, 4, sequence, NULL FROM of_defaults
 UNION
SELECT d.refobjid, 4, d.objid, NULL
  FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'
 UNION
SELECT tgrelid, tgtype & 60, tgfoid, NULL FROM pg_trigger WHERE NOT tgisinternal
 UNION
SELECT f.confrelid, a.on_change, f.conrelid, CASE a.action WHEN 'c' THEN a.on_change ELSE 16 END
  FROM pg_constraint f CROSS JOIN LATERAL (VALUES (8, f.confdeltype), (16, f.confupdtype)) AS a (on_change, action)
 WHERE f.contype = 'f' AND a.action IN ('c', 'n', 'd')
 UNION
SELECT inhparent, 60, inhrelid, NULL FROM pg_inherits
 UNION
-- A view passes changes on; a rule makes what changes it likes.
SELECT r.ev_class, CASE r.ev_type WHEN '2' THEN 16 WHEN '3' THEN 4 WHEN '4' THEN 8 ELSE 0 END, d.refobjid, CASE WHEN r.ev_type <> '1' THEN 60 END
  FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class c ON c.oid = d.refobjid AND c.relkind <> 'S'
 WHERE d.refobjid <> r.ev_class AND r.oid >= 16384
 UNION
SELECT a.attrelid, 20, a.atttypid, NULL FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE t.typtype = 'd' AND t.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
 UNION
SELECT aggfnoid, 0, f.oid, NULL
  FROM pg_aggregate CROSS JOIN LATERAL unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) AS f (oid)
 WHERE f.oid >= 16384 OR f.oid = ANY ($1)
 UNION
SELECT oid, 0, oprcode, NULL FROM pg_operator WHERE oid >= 16384
 UNION
SELECT 0, 0, evtfoid, NULL FROM pg_event_trigger WHERE evtenabled <> 'D'
