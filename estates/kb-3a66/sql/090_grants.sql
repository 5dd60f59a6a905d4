-- What the application may do: everything to the rows of its own tables, nothing to the
-- registry, its changelog or the guard's log. Births reach the registry through the triggers.

-- As PostgreSQL 15 and later have it: before, everybody could create tables here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO directus_app;

GRANT SELECT, INSERT, UPDATE, DELETE
    ON public.information_unit, public.knowledge_document, public.workflow_task,
       public.archived_note, public.dot_tools, public.dot_iu_command_catalog,
       public.pivot_source, public.pivot_definition, public.os_proposal_approvals
    TO directus_app;

GRANT USAGE, SELECT
    ON SEQUENCE public.information_unit_id_seq, public.knowledge_document_id_seq,
       public.workflow_task_id_seq, public.archived_note_id_seq, public.dot_tools_id_seq,
       public.dot_iu_command_catalog_id_seq, public.pivot_source_id_seq,
       public.pivot_definition_id_seq
    TO directus_app;

GRANT SELECT ON public.collection_registry, public.fs_scan_result TO directus_app;
