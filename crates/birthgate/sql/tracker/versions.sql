-- The version of every catalog row that a fingerprint is made of. (xmin, ctid) names a version exactly: within one transaction
-- too, and after ROLLBACK TO, which brings older ones back. What changes in place (reltuples) keeps its version, and no
-- fingerprint reads it. Of each row:
-- catalog: a constant, so that an arm is not run where another catalog is asked for;
-- reach: what has to be read again when it moves:
--   own         the object
--   name        the object, and whatever names it or its columns
--   rest        what a database has few of
--   always      the same, at every look: its rows tell too little
--   everything  everything: what no dependency leads from, and what decides how names are written
-- class, object: the object that the row belongs to.
SELECT 'pg_class' AS catalog, CASE relnamespace WHEN 'pg_catalog'::regnamespace THEN 'everything' ELSE 'name' END AS reach,
       'pg_class'::regclass::oid AS class, oid AS object,
       -- These are changed in place.
       hashtidextended(ctid, xmin::text::bigint * 16 + relhasindex::int * 8 + relhasrules::int * 4 + relhastriggers::int * 2 + relhassubclass::int) AS version FROM pg_class
 UNION ALL
SELECT 'pg_attribute', 'name', 'pg_class'::regclass, attrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_attribute
 UNION ALL
SELECT 'pg_attrdef', 'own', 'pg_class'::regclass, adrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_attrdef
 UNION ALL
SELECT 'pg_index', 'own', 'pg_class'::regclass, indrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_index
 UNION ALL
SELECT 'pg_trigger', 'own', 'pg_class'::regclass, tgrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_trigger
 UNION ALL
SELECT 'pg_rewrite', 'own', 'pg_class'::regclass, ev_class, hashtidextended(ctid, xmin::text::bigint) FROM pg_rewrite
 UNION ALL
SELECT 'pg_policy', 'own', 'pg_class'::regclass, polrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_policy
 UNION ALL
SELECT 'pg_inherits', 'own', 'pg_class'::regclass, inhrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_inherits
 UNION ALL
SELECT 'pg_sequence', 'own', 'pg_class'::regclass, seqrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_sequence
 UNION ALL
SELECT 'pg_statistic_ext', 'own', 'pg_class'::regclass, stxrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_statistic_ext
 UNION ALL
SELECT 'pg_partitioned_table', 'own', 'pg_class'::regclass, partrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_partitioned_table
 UNION ALL
SELECT 'pg_foreign_table', 'own', 'pg_class'::regclass, ftrelid, hashtidextended(ctid, xmin::text::bigint) FROM pg_foreign_table
-- A constraint belongs to its table, or to its domain.
 UNION ALL
SELECT 'pg_constraint', 'own', CASE conrelid WHEN 0 THEN 'pg_type'::regclass ELSE 'pg_class'::regclass END, CASE conrelid WHEN 0 THEN contypid ELSE conrelid END, hashtidextended(ctid, xmin::text::bigint) FROM pg_constraint
-- Which column a sequence is owned by.
 UNION ALL
SELECT 'sequences', 'own', 'pg_class'::regclass, objid, hashtidextended(ctid, xmin::text::bigint) FROM pg_depend
 WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i')
 UNION ALL
SELECT 'pg_proc', CASE pronamespace WHEN 'pg_catalog'::regnamespace THEN 'everything' ELSE 'name' END, 'pg_proc'::regclass, oid, hashtidextended(ctid, xmin::text::bigint) FROM pg_proc
 UNION ALL
SELECT 'pg_aggregate', 'own', 'pg_proc'::regclass, aggfnoid, hashtidextended(ctid, xmin::text::bigint) FROM pg_aggregate
 UNION ALL
SELECT 'pg_type', CASE typnamespace WHEN 'pg_catalog'::regnamespace THEN 'everything' ELSE 'name' END, 'pg_type'::regclass, oid, hashtidextended(ctid, xmin::text::bigint) FROM pg_type
-- Labels stand in expressions.
 UNION ALL
SELECT 'pg_enum', 'name', 'pg_type'::regclass, enumtypid, hashtidextended(ctid, xmin::text::bigint) FROM pg_enum
 UNION ALL
SELECT 'pg_range', 'own', 'pg_type'::regclass, rngtypid, hashtidextended(ctid, xmin::text::bigint) FROM pg_range
 UNION ALL
SELECT 'pg_description', 'own', classoid, objoid, hashtidextended(ctid, xmin::text::bigint) FROM pg_description
 UNION ALL
SELECT 'pg_namespace', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_namespace
 UNION ALL
SELECT 'pg_event_trigger', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_event_trigger
 UNION ALL
SELECT 'pg_publication', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_publication
 UNION ALL
SELECT 'pg_publication_rel', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_publication_rel
 UNION ALL
SELECT 'pg_default_acl', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_default_acl
 UNION ALL
SELECT 'pg_seclabel', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_seclabel
 UNION ALL
SELECT 'pg_largeobject_metadata', 'rest', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_largeobject_metadata
-- Of these some columns only may be read, or a view.
 UNION ALL
SELECT 'pg_subscription', 'always', 0, 0, subdbid::bigint FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 UNION ALL
SELECT 'pg_user_mapping', 'always', 0, 0, umid::bigint FROM pg_user_mappings
 UNION ALL
SELECT 'pg_operator', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_operator
 UNION ALL
SELECT 'pg_opclass', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_opclass
 UNION ALL
SELECT 'pg_opfamily', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_opfamily
 UNION ALL
SELECT 'pg_amop', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_amop
 UNION ALL
SELECT 'pg_amproc', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_amproc
 UNION ALL
SELECT 'pg_collation', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_collation
 UNION ALL
SELECT 'pg_cast', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_cast
 UNION ALL
SELECT 'pg_language', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_language
 UNION ALL
SELECT 'pg_am', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_am
 UNION ALL
SELECT 'pg_extension', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_extension
 UNION ALL
SELECT 'pg_conversion', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_conversion
 UNION ALL
SELECT 'pg_transform', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_transform
 UNION ALL
SELECT 'pg_tablespace', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_tablespace
 UNION ALL
SELECT 'pg_foreign_data_wrapper', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_foreign_data_wrapper
 UNION ALL
SELECT 'pg_foreign_server', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_foreign_server
 UNION ALL
SELECT 'pg_ts_config', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_config
 UNION ALL
SELECT 'pg_ts_config_map', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_config_map
 UNION ALL
SELECT 'pg_ts_dict', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_dict
 UNION ALL
SELECT 'pg_ts_parser', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_parser
 UNION ALL
SELECT 'pg_ts_template', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_ts_template
 UNION ALL
SELECT 'members', 'everything', 0, 0, hashtidextended(ctid, xmin::text::bigint) FROM pg_depend WHERE deptype IN ('e', 'x')
