-- Statistics, hint bits and visibility maps, as in an estate that autovacuum has long been
-- through. One statement: VACUUM cannot run in the transaction that two of them would make.

VACUUM (ANALYZE)
    public.birth_registry, public.registry_changelog, public.collection_registry,
    public.information_unit, public.knowledge_document, public.workflow_task,
    public.archived_note, public.dot_tools, public.dot_iu_command_catalog, public.pivot_source,
    public.pivot_definition, public.fs_scan_result, public.os_proposal_approvals,
    public.ddl_audit_log;
