-- The version of every catalog row that is code or binds some, by catalog. Rows of xmin 1 are initdb's own, and one
-- that is replaced has another. An index or statistics count where they hold expressions; foreign keys run the server's own triggers.
SELECT class, array_agg(oid) AS oids, array_agg(version) AS versions
  FROM (SELECT 'pg_proc'::regclass::oid AS class, oid, xmin::text::bigint AS version FROM pg_proc WHERE xmin <> '1'
         UNION ALL SELECT 'pg_aggregate'::regclass, aggfnoid, xmin::text::bigint FROM pg_aggregate WHERE xmin <> '1'
         UNION ALL SELECT 'pg_operator'::regclass, oid, xmin::text::bigint FROM pg_operator WHERE xmin <> '1'
         UNION ALL SELECT 'pg_cast'::regclass, oid, xmin::text::bigint FROM pg_cast WHERE xmin <> '1'
         UNION ALL SELECT 'pg_type'::regclass, oid, xmin::text::bigint FROM pg_type
                    WHERE xmin <> '1' AND typtype IN ('d', 'r', 'b') AND (typelem = 0 OR typsubscript <> 'array_subscript_handler'::regproc)
         UNION ALL SELECT 'pg_opclass'::regclass, oid, xmin::text::bigint FROM pg_opclass WHERE xmin <> '1'
         UNION ALL SELECT 'pg_amop'::regclass, oid, xmin::text::bigint FROM pg_amop WHERE xmin <> '1'
         UNION ALL SELECT 'pg_amproc'::regclass, oid, xmin::text::bigint FROM pg_amproc WHERE xmin <> '1'
         UNION ALL SELECT 'pg_language'::regclass, oid, xmin::text::bigint FROM pg_language WHERE xmin <> '1'
         UNION ALL SELECT 'pg_transform'::regclass, oid, xmin::text::bigint FROM pg_transform WHERE xmin <> '1'
         UNION ALL SELECT 'pg_event_trigger'::regclass, oid, xmin::text::bigint FROM pg_event_trigger
         UNION ALL SELECT 'pg_trigger'::regclass, oid, xmin::text::bigint FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL SELECT 'pg_rewrite'::regclass, oid, xmin::text::bigint FROM pg_rewrite WHERE oid >= 16384
         UNION ALL SELECT 'pg_policy'::regclass, oid, xmin::text::bigint FROM pg_policy
         UNION ALL SELECT 'pg_constraint'::regclass, oid, xmin::text::bigint FROM pg_constraint WHERE contype IN ('c', 'x') AND oid >= 16384
         UNION ALL SELECT 'pg_attrdef'::regclass, oid, xmin::text::bigint FROM pg_attrdef
         UNION ALL SELECT 'pg_index'::regclass, indexrelid, xmin::text::bigint FROM pg_index WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
         UNION ALL SELECT 'pg_inherits'::regclass, inhrelid, xmin::text::bigint FROM pg_inherits
         UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, xmin::text::bigint FROM pg_statistic_ext WHERE stxexprs IS NOT NULL) AS r
 GROUP BY class
