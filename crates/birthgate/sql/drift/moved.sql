-- One number for everything that the comparison of the gate with its baseline reads: the versions of the rows (oid and xmin) in the
-- catalogs, of the gate's relations ($1) and functions ($2) and of what is small everywhere. A row that was written since has another
-- xmin, whatever wrote it; VACUUM, ANALYZE and the rows of tables leave it alone. Where nothing moved, nothing has to be compared.
SELECT md5(string_agg(v.what || v.rows, '|' ORDER BY v.what)) AS moved FROM (
  SELECT 'pg_class' AS what, sum(hashtextextended(concat(oid, ' ', xmin), 0))::text AS rows FROM pg_class WHERE oid = ANY ($1)
   UNION ALL
  SELECT 'indexes', sum(hashtextextended(concat(i.indexrelid, ' ', i.xmin, ' ', c.xmin), 0))::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_attribute', sum(hashtextextended(concat(attrelid, ' ', attnum, ' ', xmin), 0))::text FROM pg_attribute WHERE attrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_attrdef', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_attrdef WHERE adrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_constraint', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_constraint WHERE conrelid = ANY ($1)
   UNION ALL
  -- Foreign keys of others onto the gate's tables: the triggers that they put there are called after them.
  SELECT 'referring', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_constraint WHERE confrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_trigger', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_trigger WHERE tgrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_rewrite', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_rewrite WHERE ev_class = ANY ($1)
   UNION ALL
  SELECT 'pg_policy', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_policy WHERE polrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_sequence', sum(hashtextextended(concat(seqrelid, ' ', xmin), 0))::text FROM pg_sequence WHERE seqrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_inherits', sum(hashtextextended(concat(inhrelid, ' ', inhparent, ' ', xmin), 0))::text FROM pg_inherits WHERE inhparent = ANY ($1) OR inhrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_proc', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_proc WHERE oid = ANY ($2)
   UNION ALL
  SELECT 'types', sum(hashtextextended(concat(t.oid, ' ', t.xmin), 0))::text FROM pg_type t JOIN pg_attribute a ON a.atttypid = t.oid WHERE a.attrelid = ANY ($1)
   UNION ALL
  SELECT 'pg_namespace', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
   UNION ALL
  SELECT 'pg_language', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_language
   UNION ALL
  SELECT 'built-in functions', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_proc WHERE oid < 16384
   UNION ALL
  SELECT 'operators', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace
   UNION ALL
  SELECT 'casts', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_cast WHERE castsource < 16384 AND casttarget < 16384
   UNION ALL
  -- Not its xmin: how far a table's copying has come is written into it.
  SELECT 'pg_subscription_rel', sum(hashtextextended(concat(srsubid, ' ', srrelid), 0))::text FROM pg_subscription_rel WHERE srrelid = ANY ($1)
   UNION ALL
  SELECT 'database', datdba::text FROM pg_database WHERE datname = current_database()
   UNION ALL
  SELECT 'pg_event_trigger', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_event_trigger
   UNION ALL
  SELECT 'pg_db_role_setting', sum(hashtextextended(concat(setdatabase, ' ', setrole, ' ', xmin), 0))::text FROM pg_db_role_setting
   UNION ALL
  SELECT 'pg_default_acl', sum(hashtextextended(concat(oid, ' ', xmin), 0))::text FROM pg_default_acl
   UNION ALL
  SELECT 'pg_auth_members', sum(hashtextextended(concat(roleid, ' ', member, ' ', xmin), 0))::text FROM pg_auth_members
   UNION ALL
  -- pg_authid is for superusers.
  SELECT 'pg_roles', sum(hashtextextended(concat(oid, ' ', rolname, rolsuper, rolinherit, rolcreaterole, rolreplication, rolcanlogin, rolbypassrls), 0))::text FROM pg_roles
   UNION ALL
  SELECT 'settings', string_agg(concat(name, '=', reset_val), ' ' ORDER BY name) FROM pg_settings
   WHERE name IN ('session_replication_role', 'event_triggers', 'row_security', 'allow_system_table_mods', 'ignore_system_indexes')
   UNION ALL
  -- What Birthgate keeps of it.
  SELECT 'collection', sum(hashtextextended(concat(collection_name, ' ', xmin), 0))::text FROM birthgate.collection
   UNION ALL
  SELECT 'code_rule', sum(hashtextextended(concat(collection_name, ' ', xmin), 0))::text FROM birthgate.code_rule
   UNION ALL
  SELECT 'dimension', concat((SELECT xmin FROM birthgate.block_dimension WHERE name = 'gate_drift'), ' ', sum(hashtextextended(concat(action, ' ', xmin), 0)))
    FROM birthgate.block_rule WHERE dimension = 'gate_drift'
   UNION ALL
  SELECT 'instance', string_agg(xmin::text, ' ') FROM birthgate.instance
   UNION ALL
  -- Not its xmin: when the gate was last found good is written into it.
  SELECT 'baseline', concat_ws(' ', root, major, incarnation, instance, taken_at) FROM birthgate.baseline
   UNION ALL
  SELECT 'baseline_object', sum(hashtextextended(concat(object, ' ', xmin), 0))::text FROM birthgate.baseline_object) AS v
