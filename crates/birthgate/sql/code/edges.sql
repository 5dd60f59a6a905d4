-- What code leads to without a text that names it, by the server's own dependencies: from a relation or type to what stands
-- on it, from that to what it refers to. From 0 lead what any statement may run: event triggers, and what was added to the
-- server's own types.
WITH part (whole, class, oid) AS (
  SELECT adrelid, 'pg_attrdef'::regclass, oid FROM pg_attrdef
   UNION ALL SELECT CASE conrelid WHEN 0 THEN contypid ELSE conrelid END, 'pg_constraint'::regclass, oid FROM pg_constraint WHERE contype IN ('c', 'x') AND oid >= 16384
   UNION ALL SELECT indrelid, 'pg_class'::regclass, indexrelid FROM pg_index WHERE indexrelid >= 16384
   UNION ALL SELECT ev_class, 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE oid >= 16384
   UNION ALL SELECT polrelid, 'pg_policy'::regclass, oid FROM pg_policy
   UNION ALL SELECT tgrelid, 'pg_trigger'::regclass, oid FROM pg_trigger WHERE NOT tgisinternal
   UNION ALL SELECT stxrelid, 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext
   UNION ALL SELECT amprocfamily, 'pg_amproc'::regclass, oid FROM pg_amproc WHERE oid >= 16384
   UNION ALL SELECT amopfamily, 'pg_amop'::regclass, oid FROM pg_amop WHERE oid >= 16384
   UNION ALL SELECT opcintype, 'pg_opclass'::regclass, oid FROM pg_opclass WHERE oid >= 16384
   UNION ALL SELECT trftype, 'pg_transform'::regclass, oid FROM pg_transform
   UNION ALL SELECT castsource, 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384
   UNION ALL SELECT casttarget, 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384
), edge (from_oid, to_oid) AS (
  SELECT whole, oid FROM part WHERE whole >= 16384
   UNION
  -- The server's own types stand in no text of ours as something to start from.
  SELECT 0, oid FROM part WHERE whole < 16384 AND class <> 'pg_cast'::regclass
   UNION
  SELECT 0, oid FROM pg_cast WHERE oid >= 16384 AND castsource < 16384 AND casttarget < 16384
   UNION
  SELECT 0, oid FROM pg_event_trigger WHERE evtenabled <> 'D'
   UNION
  SELECT d.objid, d.refobjid FROM pg_depend d
   WHERE d.objid >= 16384 AND d.refobjid >= 16384
     AND d.classid IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass,
                       'pg_statistic_ext'::regclass, 'pg_amproc'::regclass, 'pg_amop'::regclass, 'pg_opclass'::regclass, 'pg_transform'::regclass, 'pg_cast'::regclass,
                       'pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_language'::regclass, 'pg_event_trigger'::regclass)
     AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass,
                          'pg_language'::regclass, 'pg_cast'::regclass)
     AND d.objid <> d.refobjid
)
SELECT array_agg(from_oid::oid) AS "from", array_agg(to_oid::oid) AS "to" FROM edge
