-- The gates' functions: what a row must satisfy to be born.

-- The global gate. The rule is in the code, the same for every table.
CREATE FUNCTION public.fn_birth_gate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    IF NEW.code IS NULL OR NEW.code !~ '^[A-Z]+-[0-9]+$' THEN
        RAISE EXCEPTION 'birth gate: % is not a legal code for %',
            COALESCE(quote_literal(NEW.code), 'NULL'), TG_TABLE_NAME
            USING ERRCODE = 'check_violation',
                  HINT = 'A code is capital letters, a hyphen and digits, such as IU-0000001.';
    END IF;
    RETURN NEW;
END;
$function$;

-- The second layer, for information units: at the commit the birth must be there. It runs as
-- its owner, because the application may not read the registry.
CREATE FUNCTION public.fn_iu_birth_gate_layer2() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.birth_registry b
        WHERE b.entity_code = NEW.code AND b.collection_name = 'information_unit'
    ) THEN
        RAISE EXCEPTION 'birth gate, layer 2: the information unit % has no birth', NEW.code
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END;
$function$;
