-- The birth triggers' functions: a row that is inserted is written to the registry.
--
-- They run as their owner, because the application may not write the registry. Both name the
-- only key that the registry has. So a code that is already born, in whatever collection, is
-- passed over without a word: this is how five pivots came to have no birth
-- (080_incidents.sql).

-- For tables with a code column. Argument: the collection, if it is not the table's name.
CREATE FUNCTION public.fn_birth_registry_auto() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    INSERT INTO public.birth_registry (entity_code, collection_name)
    VALUES (NEW.code, COALESCE(TG_ARGV[0], TG_TABLE_NAME))
    ON CONFLICT (entity_code) DO NOTHING;
    RETURN NULL;
END;
$function$;

-- For tables keyed by id. Arguments: the collection, and the prefix of its codes.
CREATE FUNCTION public.fn_birth_registry_auto_id() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    INSERT INTO public.birth_registry (entity_code, collection_name)
    VALUES (TG_ARGV[1] || NEW.id::text, TG_ARGV[0])
    ON CONFLICT (entity_code) DO NOTHING;
    RETURN NULL;
END;
$function$;
