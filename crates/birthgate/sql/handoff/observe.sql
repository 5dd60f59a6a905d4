-- One look at births and changes: their highest ids, and which transactions may still hold back ids below those. A transaction
-- takes RowExclusiveLock before it takes an id, and lets it go after its outcome can be seen; prepared ones keep theirs, and
-- with it their virtual transaction id. Partitions are inserted into directly as well, so that their locks count.
WITH RECURSIVE tables AS (
  SELECT 'births' AS kind, to_regclass(CASE WHEN registry_table IS NULL THEN 'birthgate.birth_registry'
                                            ELSE format('%I.%I', registry_schema, registry_table) END)::oid AS oid FROM birthgate.instance
   UNION ALL
  SELECT 'changes', to_regclass(CASE WHEN changelog_table IS NULL THEN 'birthgate.registry_changelog'
                                     ELSE format('%I.%I', changelog_schema, changelog_table) END)::oid FROM birthgate.instance),
all_tables AS (
  SELECT kind, oid FROM tables
   UNION ALL
  SELECT t.kind, i.inhrelid FROM all_tables t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid),
holders AS MATERIALIZED (
  SELECT t.kind, l.virtualtransaction
    FROM pg_catalog.pg_locks l JOIN all_tables t ON t.oid = l.relation
   WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted
     AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
SELECT pg_is_in_recovery() AS in_recovery,
       (SELECT max(id)::bigint FROM birthgate.birth_registry) AS births,
       (SELECT max(id)::bigint FROM birthgate.registry_changelog) AS changes,
       ARRAY(SELECT virtualtransaction FROM holders WHERE kind = 'births') AS births_holders,
       ARRAY(SELECT virtualtransaction FROM holders WHERE kind = 'changes') AS changes_holders
