-- The first 175 births: 120 tools, 24 pivot sources and 31 pivot definitions, with their rows;
-- then the 54 commands, which were never born. None of this scales.
--
-- Setting: estate.tool_files, the names of the tool files, separated by commas.

INSERT INTO public.dot_tools (code, name, domain, verb, date_created)
SELECT 'DOT-' || lpad(n::text, 3, '0'), format('dot-%s-%s', d.domain, v.verb), d.domain, v.verb,
       timestamptz '2024-06-03 08:00+00' + n * interval '1 minute'
FROM unnest(ARRAY['iu', 'kd', 'task', 'note', 'pivot', 'registry', 'catalog', 'collection',
                  'changelog', 'schema', 'role', 'report'])
     WITH ORDINALITY AS d (domain, i),
     unnest(ARRAY['list', 'count', 'show', 'find', 'check', 'audit', 'export', 'recent', 'stats',
                  'verify'])
     WITH ORDINALITY AS v (verb, j),
     LATERAL (SELECT (d.i - 1) * 10 + v.j) AS c (n)
ORDER BY n;

INSERT INTO public.pivot_source (code, name, query, date_created, updated_at)
SELECT 'PV-' || lpad(n::text, 3, '0'), format('%s by %s', s.subject, s.dimension),
       format('SELECT %s, count(*) FROM %I GROUP BY 1', s.dimension, s.subject),
       t.born_at, t.born_at + interval '20 days'
FROM generate_series(1, 24) AS g (n),
     LATERAL (SELECT
         (ARRAY['information_unit', 'knowledge_document', 'workflow_task', 'dot_tools'])[1 + n % 4],
         (ARRAY['status', 'date_created', 'id / 1000', 'left(code, 4)', 'date_created::date',
                'length(code)'])[1 + n / 4 % 6]) AS s (subject, dimension),
     LATERAL (SELECT timestamptz '2024-06-03 10:00+00' + n * interval '1 minute') AS t (born_at)
ORDER BY n;

INSERT INTO public.pivot_definition (code, source_code, name, layout, date_created, updated_at)
SELECT 'PD-' || lpad(n::text, 3, '0'), s.code, format('%s, layout %s', s.name, 1 + n / 25),
       jsonb_build_object('rows', jsonb_build_array(n % 5), 'totals', n % 2 = 0),
       t.born_at, t.born_at + interval '60 days'
FROM generate_series(1, 31) AS g (n)
JOIN public.pivot_source s ON s.code = 'PV-' || lpad((1 + (n - 1) % 24)::text, 3, '0'),
     LATERAL (SELECT timestamptz '2024-06-03 10:30+00' + n * interval '1 minute') AS t (born_at)
ORDER BY n;

INSERT INTO public.birth_registry (id, entity_code, collection_name, born_at, born_by)
SELECT row_number() OVER (ORDER BY e.born_at), e.code, e.collection, e.born_at, 'workflow_admin'
FROM (SELECT code, 'dot_tools' AS collection, date_created AS born_at FROM public.dot_tools
      UNION ALL
      SELECT code, 'pivot_source', date_created FROM public.pivot_source
      UNION ALL
      SELECT code, 'pivot_definition', date_created FROM public.pivot_definition) AS e
ORDER BY e.born_at;

INSERT INTO public.dot_iu_command_catalog (code, command, description, date_created)
SELECT 'DIC-' || lpad(n::text, 3, '0'), format('iu.%s.%s', p.part, v.verb),
       format('%s the %s of an information unit', initcap(v.verb), p.part),
       timestamptz '2025-02-10 09:00+00' + n * interval '1 hour'
FROM unnest(ARRAY['title', 'body', 'status', 'owner', 'link', 'tag', 'source', 'review', 'history'])
     WITH ORDINALITY AS p (part, i),
     unnest(ARRAY['read', 'set', 'clear', 'check', 'compare', 'restore'])
     WITH ORDINALITY AS v (verb, j),
     LATERAL (SELECT (p.i - 1) * 6 + v.j) AS c (n)
ORDER BY n;

INSERT INTO public.fs_scan_result (name, scanned_at)
SELECT f.name, timestamptz '2026-06-03 04:00+00'
FROM unnest(string_to_array(current_setting('estate.tool_files'), ',')) AS f (name);
