-- The DDL guard: an event trigger that writes down every schema change and forbids none.
--
-- Its log has no sequence, so that a change that is rolled back leaves no trace. A log that
-- cannot be written must never cost anybody their DDL: any error becomes a warning.
-- Way out: ALTER EVENT TRIGGER trg_ddl_guard DISABLE.

CREATE TABLE public.ddl_audit_log (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    logged_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    command_tag     text NOT NULL,
    object_type     text,
    object_identity text,
    done_by         text NOT NULL DEFAULT session_user
);

CREATE FUNCTION public.fn_ddl_guard() RETURNS event_trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    INSERT INTO public.ddl_audit_log (command_tag, object_type, object_identity)
    SELECT c.command_tag, c.object_type, c.object_identity
    FROM pg_event_trigger_ddl_commands() AS c;
    IF NOT FOUND THEN
        INSERT INTO public.ddl_audit_log (command_tag) VALUES (TG_TAG);  -- a DROP lists no object
    END IF;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'the DDL guard could not log %: %', TG_TAG, SQLERRM;
END;
$function$;

CREATE EVENT TRIGGER trg_ddl_guard ON ddl_command_end EXECUTE FUNCTION public.fn_ddl_guard();
