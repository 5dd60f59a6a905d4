-- The obvious gate: one trigger call for each row before the insert, one more for each at the commit.
CREATE SCHEMA naive;
CREATE TABLE naive.item (LIKE public.item INCLUDING ALL);
CREATE TABLE naive.permit (LIKE birthgate.birth_admission_permit INCLUDING ALL);
CREATE TABLE naive.birth (LIKE birthgate.birth_registry INCLUDING ALL);
GRANT USAGE ON SCHEMA naive TO bench_app;
GRANT SELECT, INSERT, UPDATE ON naive.permit TO bench_app;
GRANT INSERT ON naive.item TO bench_app;

CREATE FUNCTION naive.gate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_permit_id bigint;
BEGIN
  SELECT id INTO v_permit_id FROM naive.permit
   WHERE collection_name = 'item' AND entity_code = NEW.code AND active
     AND kind = 'birth' AND state = 'RESERVED' AND expires_at > now() AND holder = session_user
     FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no permit for %', NEW.code;
  END IF;
  UPDATE naive.permit
     SET state = 'CONSUMED', consumed_at = now(), consumed_by = session_user,
         consumed_xid = pg_current_xact_id(), incarnation = 1
   WHERE id = v_permit_id;
  INSERT INTO naive.birth (entity_code, collection_name, origin, permit_id)
  VALUES (NEW.code, 'item', 'permit', v_permit_id);
  RETURN NEW;
END
$$;

CREATE FUNCTION naive.finalize() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_permit_id bigint;
BEGIN
  UPDATE naive.birth SET status = 'finalized', finalized_at = now()
   WHERE entity_code = NEW.code AND collection_name = 'item' AND status = 'born'
  RETURNING permit_id INTO v_permit_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no birth of %', NEW.code;
  END IF;
  UPDATE naive.permit SET state = 'FINALIZED', finalized_at = now()
   WHERE id = v_permit_id AND state = 'CONSUMED';
  RETURN NULL;
END
$$;

CREATE TRIGGER gate BEFORE INSERT ON naive.item FOR EACH ROW EXECUTE FUNCTION naive.gate();
CREATE CONSTRAINT TRIGGER finalize AFTER INSERT ON naive.item
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION naive.finalize();
