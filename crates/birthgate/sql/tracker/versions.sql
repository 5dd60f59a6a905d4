-- The version of every catalog row that a fingerprint is made of. (xmin, ctid) names a version exactly: within one transaction
-- too, and after ROLLBACK TO, which brings older ones back. What changes in place (reltuples) keeps its version, and no
-- fingerprint reads it. Rows of xmin 1 are initdb's own: they are in no fingerprint, and one that is changed has another xmin.
-- Of each row:
-- catalog: a constant, so that an arm is not run where another catalog is asked for;
-- reach: what has to be read again when it moves:
--   o(wn)         the object
--   n(ame)        the object, and whatever names it or its columns
--   r(est)        what a database has few of
--   a(lways)      the same, at every look: its rows tell too little
--   e(verything)  everything: what no dependency leads from, and what decides how names are written
-- class, object: the object that the row belongs to.
SELECT 'pg_class'::regclass::oid AS catalog, CASE relnamespace WHEN 'pg_catalog'::regnamespace THEN 'e' ELSE 'n' END::"char" AS reach,
       'pg_class'::regclass::oid AS class, oid AS object,
       -- These are changed in place.
       hashtidextended(ctid, xmin::text::bigint * 16 + relhasindex::int * 8 + relhasrules::int * 4 + relhastriggers::int * 2 + relhassubclass::int) AS version FROM pg_class WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_attribute'::regclass, 'n', 'pg_class'::regclass, attrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_attribute WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_attrdef'::regclass, 'o', 'pg_class'::regclass, adrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_attrdef WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_index'::regclass, 'o', 'pg_class'::regclass, indrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_index WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_trigger'::regclass, 'o', 'pg_class'::regclass, tgrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_trigger WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_rewrite'::regclass, 'o', 'pg_class'::regclass, ev_class, hashtidextended(ctid, xmin::text::bigint) FROM pg_rewrite WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_policy'::regclass, 'o', 'pg_class'::regclass, polrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_policy WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_inherits'::regclass, 'o', 'pg_class'::regclass, inhrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_inherits WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_sequence'::regclass, 'o', 'pg_class'::regclass, seqrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_sequence WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_statistic_ext'::regclass, 'o', 'pg_class'::regclass, stxrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_statistic_ext WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_partitioned_table'::regclass, 'o', 'pg_class'::regclass, partrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_partitioned_table WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_foreign_table'::regclass, 'o', 'pg_class'::regclass, ftrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_foreign_table WHERE xmin <> '1'
-- A constraint belongs to its table, or to its domain.
 UNION ALL
SELECT 'pg_constraint'::regclass, 'o', CASE conrelid WHEN 0 THEN 'pg_type'::regclass ELSE 'pg_class'::regclass END, CASE conrelid WHEN 0 THEN contypid ELSE conrelid END, hashtidextended(ctid, xmin::text::bigint) FROM pg_constraint WHERE xmin <> '1'
-- Which column a sequence is owned by.
 UNION ALL
SELECT 'pg_depend'::regclass, 'o', 'pg_class'::regclass, objid, hashtidextended(ctid, xmin::text::bigint) FROM pg_depend
 WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i') AND xmin <> '1'
 UNION ALL
SELECT 'pg_proc'::regclass, CASE pronamespace WHEN 'pg_catalog'::regnamespace THEN 'e' ELSE 'n' END::"char", 'pg_proc'::regclass, oid, hashtidextended(ctid, xmin::text::bigint) FROM pg_proc WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_aggregate'::regclass, 'o', 'pg_proc'::regclass, aggfnoid, hashtidextended(ctid, xmin::text::bigint) FROM pg_aggregate WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_type'::regclass, CASE typnamespace WHEN 'pg_catalog'::regnamespace THEN 'e' ELSE 'n' END::"char", 'pg_type'::regclass, oid, hashtidextended(ctid, xmin::text::bigint) FROM pg_type WHERE xmin <> '1'
-- Labels stand in expressions.
 UNION ALL
SELECT 'pg_enum'::regclass, 'n', 'pg_type'::regclass, enumtypid, hashtidextended(ctid, xmin::text::bigint) FROM pg_enum WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_range'::regclass, 'o', 'pg_type'::regclass, rngtypid, hashtidextended(ctid, xmin::text::bigint) FROM pg_range WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_description'::regclass, 'o', classoid, objoid, hashtidextended(ctid, xmin::text::bigint) FROM pg_description WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_namespace'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_namespace WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_event_trigger'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_event_trigger WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_publication'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_publication WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_publication_rel'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_publication_rel WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_default_acl'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_default_acl WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_seclabel'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_seclabel WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_largeobject_metadata'::regclass, 'r', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_largeobject_metadata WHERE xmin <> '1'
-- Of these some columns only may be read, or a view.
 UNION ALL
SELECT 'pg_subscription'::regclass, 'a', 0, 0, subdbid::bigint FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 UNION ALL
SELECT 'pg_user_mapping'::regclass, 'a', 0, 0, umid::bigint FROM pg_user_mappings
 UNION ALL
SELECT 'pg_operator'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_operator WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_opclass'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_opclass WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_opfamily'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_opfamily WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_amop'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_amop WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_amproc'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_amproc WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_collation'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_collation WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_cast'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_cast WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_language'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_language WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_am'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_am WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_extension'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_extension WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_conversion'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_conversion WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_transform'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_transform WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_tablespace'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_tablespace WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_foreign_data_wrapper'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_foreign_data_wrapper WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_foreign_server'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_foreign_server WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_ts_config'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_config WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_ts_config_map'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_config_map WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_ts_dict'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_dict WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_ts_parser'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_parser WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_ts_template'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_template WHERE xmin <> '1'
 UNION ALL
SELECT 'pg_depend'::regclass, 'e', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_depend WHERE deptype IN ('e', 'x') AND xmin <> '1'
