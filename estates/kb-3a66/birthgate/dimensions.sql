-- What Birthgate is told of this estate: the four BLOCK dimensions of the seed, all of which block
-- rp_cleanup. The pivots are counted as birthgate_reader, which is granted just the columns it needs.
GRANT SELECT (source_code, updated_at) ON public.pivot_definition TO birthgate_reader;
GRANT SELECT (code, updated_at) ON public.pivot_source TO birthgate_reader;

SELECT birthgate.block_dimension_put('orphan_critical', 'rows of critical collections without a birth',
  'SELECT birthgate.count_orphans()', 0, '1 hour', '{rp_cleanup}');
SELECT birthgate.block_dimension_put('phantom_real', 'births whose listed table lacks their row',
  'SELECT birthgate.count_phantoms()', 0, '1 hour', '{rp_cleanup}');
SELECT birthgate.block_dimension_put('fs_no_registry', 'tool files without a row of dot_tools',
  NULL, 0, '1 day', '{rp_cleanup}');
SELECT birthgate.block_dimension_put('dot_pivot_update', 'pivot definitions older than their source',
  $$SELECT count(*) FROM public.pivot_definition d JOIN public.pivot_source s ON s.code = d.source_code
     WHERE d.updated_at < s.updated_at$$, 0, '1 hour', '{rp_cleanup}');
