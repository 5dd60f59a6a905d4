-- One slice of the content, with its births: run once for each slice, in order.
--
-- Settings: estate.births (all births of the estate), estate.first and estate.last (the births
-- of this slice). A birth's number is its id, and says everything else: in every 20 births
-- after the first 175 there are 12 information units, 4 documents, 3 tasks and 1 note. The
-- k-th of its collection has k in its code. Births are spread evenly over two years.

CREATE TEMP TABLE estate_slice ON COMMIT DROP AS
SELECT n, kind, k,
       CASE kind
           WHEN 'information_unit' THEN 'IU-' || lpad(k::text, 7, '0')
           WHEN 'knowledge_document' THEN 'KD-' || lpad(k::text, 7, '0')
           WHEN 'workflow_task' THEN 'WT-' || k::text
           ELSE 'note-' || lpad(k::text, 6, '0')
       END AS code,
       timestamptz '2024-06-04 00:00+00'
           + n * (interval '729 days' / current_setting('estate.births')::bigint) AS born_at
FROM generate_series(current_setting('estate.first')::bigint,
                     current_setting('estate.last')::bigint) AS g (n),
     LATERAL (SELECT (n - 176) / 20, (n - 176) % 20) AS s (twenty, place),
     LATERAL (SELECT CASE WHEN place < 12 THEN 'information_unit'
                          WHEN place < 16 THEN 'knowledge_document'
                          WHEN place < 19 THEN 'workflow_task'
                          ELSE 'archived_note' END,
                     CASE WHEN place < 12 THEN twenty * 12 + place + 1
                          WHEN place < 16 THEN twenty * 4 + place - 11
                          WHEN place < 19 THEN twenty * 3 + place - 15
                          ELSE twenty + 1 END) AS c (kind, k);

INSERT INTO public.birth_registry (id, entity_code, collection_name, born_at, born_by)
SELECT n, code, kind, born_at,
       CASE WHEN n % 50 = 0 THEN 'workflow_admin' ELSE 'directus_app' END
FROM estate_slice;

INSERT INTO public.information_unit (id, code, title, body, status, date_created)
SELECT k, code, 'Unit ' || k::text,
       'Statement ' || to_hex(k * 2654435761 % 4294967296) || ' of chapter ' || (k % 97)::text
           || ', as agreed with its owner.',
       (ARRAY['draft', 'review', 'published', 'published'])[1 + k % 4], born_at
FROM estate_slice WHERE kind = 'information_unit';

INSERT INTO public.knowledge_document (id, code, title, path, status, revision, date_created)
SELECT k, code, 'Document ' || k::text,
       'knowledge/area-' || (k % 41)::text || '/' || lower(code) || '.md',
       (ARRAY['draft', 'published', 'published'])[1 + k % 3], 1 + k % 5, born_at
FROM estate_slice WHERE kind = 'knowledge_document';

INSERT INTO public.workflow_task (id, title, assignee, status, date_created, date_due)
SELECT k, 'Task ' || k::text, 'agent-' || (k % 12)::text,
       (ARRAY['open', 'done', 'done', 'done'])[1 + k % 4], born_at, (born_at + interval '14 days')::date
FROM estate_slice WHERE kind = 'workflow_task';

INSERT INTO public.archived_note (id, code, note, date_created)
SELECT k, code, 'Kept from the old notebook, page ' || k::text || '.', born_at
FROM estate_slice WHERE kind = 'archived_note';
