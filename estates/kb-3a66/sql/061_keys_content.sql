-- The keys of the large collections, and where their sequences go on.

ALTER TABLE public.information_unit ADD PRIMARY KEY (id), ADD UNIQUE (code);
ALTER TABLE public.knowledge_document ADD PRIMARY KEY (id), ADD UNIQUE (code);
ALTER TABLE public.workflow_task ADD PRIMARY KEY (id), ADD UNIQUE (code);
ALTER TABLE public.archived_note ADD PRIMARY KEY (id), ADD UNIQUE (code);

SELECT setval(pg_get_serial_sequence('public.information_unit', 'id'), max(id))
FROM public.information_unit;
SELECT setval(pg_get_serial_sequence('public.knowledge_document', 'id'), max(id))
FROM public.knowledge_document;
SELECT setval(pg_get_serial_sequence('public.workflow_task', 'id'), max(id))
FROM public.workflow_task;
SELECT setval(pg_get_serial_sequence('public.archived_note', 'id'), max(id))
FROM public.archived_note;
