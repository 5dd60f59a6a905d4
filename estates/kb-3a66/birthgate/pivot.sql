-- The pivot definition that is older than its source, made anew.
UPDATE public.pivot_definition d SET updated_at = now()
  FROM public.pivot_source s WHERE s.code = d.source_code AND d.updated_at < s.updated_at;
