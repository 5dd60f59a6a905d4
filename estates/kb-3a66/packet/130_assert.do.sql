-- The seed's four BLOCK dimensions, and the old assertion answers from them. Its OID stays.
GRANT SELECT (source_code, updated_at) ON public.pivot_definition TO birthgate_reader;
GRANT SELECT (updated_at) ON public.pivot_source TO birthgate_reader;

SELECT birthgate.block_dimension_put('orphan_critical', 'rows of critical collections without a birth',
  'SELECT birthgate.count_orphans()', 0, '1 hour', '{rp_cleanup}');
SELECT birthgate.block_dimension_put('phantom_real', 'births whose listed table lacks their row',
  'SELECT birthgate.count_phantoms()', 0, '1 hour', '{rp_cleanup}');
SELECT birthgate.block_dimension_put('fs_no_registry', 'tool files without a row of dot_tools',
  NULL, 0, '1 day', '{rp_cleanup}');
SELECT birthgate.block_dimension_put('dot_pivot_update', 'pivot definitions older than their source',
  $$SELECT count(*) FROM public.pivot_definition d JOIN public.pivot_source s ON s.code = d.source_code
     WHERE d.updated_at < s.updated_at$$, 0, '1 hour', '{rp_cleanup}');

CREATE OR REPLACE FUNCTION public.fn_assert_safe_for_dot_action(p_action text) RETURNS void
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    PERFORM birthgate.fn_assert_safe_for_dot_action(p_action);
END;
$function$;
