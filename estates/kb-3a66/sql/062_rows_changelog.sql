-- The changelog: what changed in entities that were already born at the time.
--
-- Settings: estate.births and estate.changes (how many of each). The j-th change comes after
-- the same share of the two years as the births that it may be about.

INSERT INTO public.registry_changelog
    (id, entity_code, collection_name, action, old_value, new_value, changed_by, changed_at)
SELECT c.j, b.entity_code, b.collection_name, v.action, v.old_value, v.new_value,
       CASE WHEN c.j % 9 = 0 THEN 'workflow_admin' ELSE 'directus_app' END,
       timestamptz '2024-06-04 00:00+00' + c.j * (interval '729 days' / c.changes)
FROM (SELECT j, changes, 1 + j * 2654435761 % GREATEST(j * births / changes, 1) AS birth
      FROM (SELECT current_setting('estate.births')::bigint,
                   current_setting('estate.changes')::bigint) AS s (births, changes),
           generate_series(1, changes) AS g (j)) AS c
JOIN public.birth_registry b ON b.id = c.birth,
     LATERAL (SELECT
         CASE c.j % 5 WHEN 0 THEN 'retitled' WHEN 1 THEN 'revised' ELSE 'status_changed' END,
         CASE c.j % 5 WHEN 0 THEN jsonb_build_object('title', 'Entry ' || c.birth)
                      WHEN 1 THEN jsonb_build_object('revision', 1 + c.j % 4)
                      ELSE jsonb_build_object('status', 'draft') END,
         CASE c.j % 5 WHEN 0 THEN jsonb_build_object('title', 'Entry ' || c.birth || ', renamed')
                      WHEN 1 THEN jsonb_build_object('revision', 2 + c.j % 4)
                      ELSE jsonb_build_object('status', 'published') END
     ) AS v (action, old_value, new_value)
ORDER BY c.j;

ALTER TABLE public.registry_changelog ADD PRIMARY KEY (id);

CREATE INDEX registry_changelog_entity_code_idx ON public.registry_changelog (entity_code);

SELECT setval(pg_get_serial_sequence('public.registry_changelog', 'id'), max(id))
FROM public.registry_changelog;
