-- The triggers, after the load. The guard is on by now: these are the first lines of its log.

-- The global gate, wherever the application writes the code. Not on workflow_task, whose code
-- is generated and still NULL before the insert; not on archived_note, whose codes are older
-- than the rule.
CREATE TRIGGER trg_birth_gate BEFORE INSERT ON public.information_unit
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_gate();
CREATE TRIGGER trg_birth_gate BEFORE INSERT ON public.knowledge_document
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_gate();
CREATE TRIGGER trg_birth_gate BEFORE INSERT ON public.dot_tools
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_gate();
CREATE TRIGGER trg_birth_gate BEFORE INSERT ON public.dot_iu_command_catalog
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_gate();
CREATE TRIGGER trg_birth_gate BEFORE INSERT ON public.pivot_source
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_gate();
CREATE TRIGGER trg_birth_gate BEFORE INSERT ON public.pivot_definition
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_gate();

-- The births. dot_iu_command_catalog has no such trigger: hence its 54 orphans.
CREATE TRIGGER trg_birth_registry_auto AFTER INSERT ON public.information_unit
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_registry_auto();
CREATE TRIGGER trg_birth_registry_auto AFTER INSERT ON public.knowledge_document
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_registry_auto();
CREATE TRIGGER trg_birth_registry_auto AFTER INSERT ON public.dot_tools
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_registry_auto('dot_tools');
CREATE TRIGGER trg_birth_registry_auto AFTER INSERT ON public.pivot_source
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_registry_auto('pivot_source');
CREATE TRIGGER trg_birth_registry_auto AFTER INSERT ON public.pivot_definition
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_registry_auto('pivot_definition');
CREATE TRIGGER trg_birth_registry_auto AFTER INSERT ON public.archived_note
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_registry_auto();
CREATE TRIGGER trg_birth_registry_auto_id AFTER INSERT ON public.workflow_task
    FOR EACH ROW EXECUTE FUNCTION public.fn_birth_registry_auto_id('workflow_task', 'WT-');

-- The second layer, at the commit.
CREATE CONSTRAINT TRIGGER trg_iu_birth_gate_layer2 AFTER INSERT ON public.information_unit
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.fn_iu_birth_gate_layer2();
