REVOKE SELECT (source_code, updated_at) ON public.pivot_definition FROM birthgate_reader;
REVOKE SELECT (updated_at) ON public.pivot_source FROM birthgate_reader;
SELECT birthgate.block_dimension_drop('fs_no_registry'), birthgate.block_dimension_drop('dot_pivot_update');
SELECT birthgate.block_dimension_put('orphan_critical', 'rows of critical collections without a birth', 'SELECT birthgate.count_orphans()', 0, '1 hour', '{}'),
       birthgate.block_dimension_put('phantom_real', 'births whose listed table lacks their row', 'SELECT birthgate.count_phantoms()', 0, '1 hour', '{}');

CREATE OR REPLACE FUNCTION public.fn_assert_safe_for_dot_action(p_action text) RETURNS void
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
DECLARE
    v_collection       record;
    v_count            bigint;
    v_orphan_critical  bigint := 0;
    v_phantom_real     bigint := 0;
    v_fs_no_registry   bigint;
    v_dot_pivot_update bigint;
    v_blocks           text;
BEGIN
    IF p_action IS NULL THEN
        RAISE EXCEPTION 'no action was named' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF p_action <> 'rp_cleanup' THEN
        RETURN;  -- the only guarded action
    END IF;

    FOR v_collection IN
        SELECT c.collection_name, c.table_name, c.code_column, c.is_critical
        FROM public.collection_registry c
        ORDER BY c.collection_name
    LOOP
        -- REAL_MISSING: a birth whose listed table lacks its row.
        EXECUTE format(
            'SELECT count(*) FROM public.birth_registry b WHERE b.collection_name = $1'
            ' AND NOT EXISTS (SELECT FROM public.%I t WHERE t.%I = b.entity_code)',
            v_collection.table_name, v_collection.code_column)
        INTO v_count USING v_collection.collection_name;
        v_phantom_real := v_phantom_real + v_count;

        CONTINUE WHEN NOT v_collection.is_critical;
        EXECUTE format(
            'SELECT count(*) FROM public.%I t WHERE NOT EXISTS (SELECT FROM public.birth_registry b'
            ' WHERE b.entity_code = t.%I AND b.collection_name = $1)',
            v_collection.table_name, v_collection.code_column)
        INTO v_count USING v_collection.collection_name;
        v_orphan_critical := v_orphan_critical + v_count;
    END LOOP;

    SELECT count(*) INTO v_fs_no_registry
    FROM public.fs_scan_result f
    WHERE NOT EXISTS (SELECT FROM public.dot_tools t WHERE t.name = f.name);

    SELECT count(*) INTO v_dot_pivot_update
    FROM public.pivot_definition d
    JOIN public.pivot_source s ON s.code = d.source_code
    WHERE d.updated_at < s.updated_at;

    SELECT string_agg(format('%s %s', d.name, d.value), ', ' ORDER BY d.position) INTO v_blocks
    FROM (VALUES (1, 'orphan_critical', v_orphan_critical),
                 (2, 'phantom_real', v_phantom_real),
                 (3, 'fs_no_registry', v_fs_no_registry),
                 (4, 'dot_pivot_update', v_dot_pivot_update)) AS d (position, name, value)
    WHERE d.value > 0;

    IF v_blocks IS NOT NULL THEN
        RAISE EXCEPTION 'NO-GO: % is blocked by %', p_action, v_blocks
            USING HINT = 'Each dimension must be 0.';
    END IF;
END;
$function$;
