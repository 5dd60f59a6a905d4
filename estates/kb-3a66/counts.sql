-- Every number that the estate promises, counted from its tables and catalogs: (name, value).
--
-- The collections are named here and not read from collection_registry, so that these numbers
-- and fn_assert_safe_for_dot_action are two independent ways to the same truth. Retired births
-- are no phantoms: there are none at the start, and the query is good for the end of the story.

WITH entity (collection_name, code) AS (
    SELECT 'information_unit', code FROM public.information_unit
    UNION ALL SELECT 'knowledge_document', code FROM public.knowledge_document
    UNION ALL SELECT 'workflow_task', code FROM public.workflow_task
    UNION ALL SELECT 'archived_note', code FROM public.archived_note
    UNION ALL SELECT 'dot_tools', code FROM public.dot_tools
    UNION ALL SELECT 'dot_iu_command_catalog', code FROM public.dot_iu_command_catalog
    UNION ALL SELECT 'pivot_source', code FROM public.pivot_source
    UNION ALL SELECT 'pivot_definition', code FROM public.pivot_definition
),
orphan (collection_name, code) AS (
    SELECT e.collection_name, e.code FROM entity e
    WHERE NOT EXISTS (
        SELECT FROM public.birth_registry b
        WHERE b.entity_code = e.code AND b.collection_name = e.collection_name
    )
),
critical_orphan (collection_name, code) AS (
    SELECT o.collection_name, o.code FROM orphan o
    JOIN public.collection_registry c USING (collection_name)
    WHERE c.is_critical
),
phantom (collection_name) AS (
    SELECT b.collection_name FROM public.birth_registry b
    WHERE b.status <> 'retired' AND NOT EXISTS (
        SELECT FROM entity e
        WHERE e.collection_name = b.collection_name AND e.code = b.entity_code
    )
),
key_column (attnum) AS (
    SELECT attnum FROM pg_catalog.pg_attribute
    WHERE attrelid = 'public.birth_registry'::pg_catalog.regclass AND attname = 'entity_code'
)
-- The registry.
SELECT 'births' AS name, count(*) AS value FROM public.birth_registry
UNION ALL SELECT 'null_collections', count(*) FROM public.birth_registry
    WHERE collection_name IS NULL
UNION ALL SELECT 'composite_violations', count(*) FROM (
    SELECT FROM public.birth_registry GROUP BY entity_code, collection_name HAVING count(*) > 1
) AS doubled
UNION ALL SELECT 'not_born', count(*) FROM public.birth_registry WHERE status <> 'born'
UNION ALL SELECT 'unlisted_births', count(*) FROM public.birth_registry b
    WHERE NOT EXISTS (
        SELECT FROM public.collection_registry c WHERE c.collection_name = b.collection_name
    )
UNION ALL SELECT 'births_without_row', count(*) FROM phantom
UNION ALL SELECT 'registry_changelog', count(*) FROM public.registry_changelog
UNION ALL SELECT 'foreign_keys', count(*) FROM pg_catalog.pg_constraint
    WHERE contype = 'f' AND confrelid = 'public.birth_registry'::pg_catalog.regclass
UNION ALL SELECT 'check_constraints', count(*) FROM pg_catalog.pg_constraint
    WHERE contype = 'c' AND conrelid = 'public.birth_registry'::pg_catalog.regclass
UNION ALL SELECT 'unique_entity_code', count(*) FROM pg_catalog.pg_constraint
    WHERE contype = 'u' AND conrelid = 'public.birth_registry'::pg_catalog.regclass
      AND conkey = ARRAY(SELECT attnum FROM key_column)
UNION ALL SELECT 'functions_naming_old_target', count(*) FROM pg_catalog.pg_proc
    WHERE pronamespace = 'public'::pg_catalog.regnamespace
      AND prosrc ~* 'on\s+conflict\s*\(\s*entity_code\s*\)'
-- The BLOCK dimensions.
UNION ALL SELECT 'orphan_critical', count(*) FROM critical_orphan
UNION ALL SELECT 'orphan_critical_catalog', count(*) FROM critical_orphan
    WHERE collection_name = 'dot_iu_command_catalog'
UNION ALL SELECT 'orphan_critical_pivots', count(*) FROM critical_orphan
    WHERE collection_name = 'pivot_definition'
UNION ALL SELECT 'pivots_born_elsewhere', count(*) FROM critical_orphan o
    WHERE o.collection_name = 'pivot_definition' AND EXISTS (
        SELECT FROM public.birth_registry b WHERE b.entity_code = o.code
    )
UNION ALL SELECT 'phantom_real', count(*) FROM phantom p
    JOIN public.collection_registry c USING (collection_name)
UNION ALL SELECT 'fs_no_registry', count(*) FROM public.fs_scan_result f
    WHERE NOT EXISTS (SELECT FROM public.dot_tools t WHERE t.name = f.name)
UNION ALL SELECT 'dot_pivot_update', count(*) FROM public.pivot_definition d
    JOIN public.pivot_source s ON s.code = d.source_code
    WHERE d.updated_at < s.updated_at
-- The pilot, governance and the guard.
UNION ALL SELECT 'dot_tools', count(*) FROM public.dot_tools
UNION ALL SELECT 'dot_tools_unborn', count(*) FROM orphan WHERE collection_name = 'dot_tools'
UNION ALL SELECT 'tool_files', count(*) FROM public.fs_scan_result
UNION ALL SELECT 'os_proposal_approvals', count(*) FROM public.os_proposal_approvals
UNION ALL SELECT 'ddl_guard_enabled', count(*) FROM pg_catalog.pg_event_trigger
    WHERE evtname = 'trg_ddl_guard' AND evtenabled <> 'D'
UNION ALL SELECT 'schedulers', count(*) FROM pg_catalog.pg_extension WHERE extname = 'pg_cron'
UNION ALL SELECT 'permit_tables', count(*) FROM pg_catalog.pg_class
    WHERE relname = 'birth_admission_permit' AND relkind IN ('r', 'p');
