-- Without a target they work before, during and after the change of the key. Their OIDs stay.
CREATE OR REPLACE FUNCTION public.fn_birth_registry_auto() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    INSERT INTO public.birth_registry (entity_code, collection_name)
    VALUES (NEW.code, COALESCE(TG_ARGV[0], TG_TABLE_NAME))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END;
$function$;
CREATE OR REPLACE FUNCTION public.fn_birth_registry_auto_id() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    INSERT INTO public.birth_registry (entity_code, collection_name)
    VALUES (TG_ARGV[1] || NEW.id::text, TG_ARGV[0])
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END;
$function$;
