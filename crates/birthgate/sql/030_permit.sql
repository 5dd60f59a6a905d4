-- The permit: its legal transitions, for every writer; whether it may be spent, for gate, commands
-- and audit alike; and the functions by which any client asks for one.

-- Every permit there ever was: those in use, and those in the archive.
CREATE OR REPLACE VIEW birthgate.every_permit AS
  SELECT id, kind, state, active, collection_name, entity_code, from_entity_code, row_hash, requester, holder,
         idempotency_key, break_glass, requested_at, expires_at, reserved_at, consumed_at, consumed_by, consumed_xid,
         incarnation, finalized_at, ended_at, ended_why
    FROM birthgate.birth_admission_permit
   UNION ALL
  SELECT id, kind, state, active, collection_name, entity_code, from_entity_code, row_hash, requester, holder,
         idempotency_key, break_glass, requested_at, expires_at, reserved_at, consumed_at, consumed_by, consumed_xid,
         incarnation, finalized_at, ended_at, ended_why
    FROM birthgate.permit_archive;

-- The transitions. The WHEN of the triggers decides, in C and for every writer, superusers too;
-- the function only says what was wrong.
CREATE OR REPLACE FUNCTION birthgate.permit_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF current_user <> 'birthgate_owner' THEN
    RAISE EXCEPTION USING ERRCODE = 'PB012',
      MESSAGE = format('%s on birthgate.birth_admission_permit is refused', TG_OP),
      DETAIL = format('Only Birthgate''s own functions write permits; the role here is %I.', current_user),
      HINT = 'Use the functions birthgate.permit_request, permit_reserve, permit_cancel.';
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'PB011',
    MESSAGE = CASE TG_OP WHEN 'INSERT' THEN format('a permit begins as REQUESTED, not as %s', NEW.state)
                         ELSE format('permit %s cannot go from %s to %s', OLD.id, OLD.state, NEW.state) END,
    DETAIL = 'REQUESTED to RESERVED to CONSUMED to FINALIZED; REQUESTED or RESERVED to CANCELLED, EXPIRED or FAILED. What a permit is for never changes.',
    HINT = 'Request a new permit.';
END
$$;

-- A permit leaves the table only for the archive.
CREATE OR REPLACE FUNCTION birthgate.permit_guard_delete() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF current_user = 'birthgate_owner' AND EXISTS (SELECT FROM birthgate.permit_archive WHERE id = OLD.id) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION USING ERRCODE = CASE current_user WHEN 'birthgate_owner' THEN 'PB011' ELSE 'PB012' END,
    MESSAGE = format('permit %s is evidence and is not deleted', OLD.id),
    DETAIL = format('Permits that ended are moved to the archive; the role here is %I.', current_user),
    HINT = 'birthgate permit archive moves them.';
END
$$;

CREATE OR REPLACE TRIGGER permit_guard_insert
  AFTER INSERT ON birthgate.birth_admission_permit
  FOR EACH ROW WHEN (current_user <> 'birthgate_owner'::name OR NEW.state <> 'REQUESTED')
  EXECUTE FUNCTION birthgate.permit_guard();
-- One step of the way at a time: an active permit gains exactly one of the four. The CHECKs say which
-- state that is.
CREATE OR REPLACE TRIGGER permit_guard_update
  AFTER UPDATE ON birthgate.birth_admission_permit
  FOR EACH ROW WHEN (
    current_user <> 'birthgate_owner'::name OR NOT OLD.active
    OR num_nonnulls(NEW.reserved_at, NEW.consumed_at, NEW.finalized_at, NEW.ended_at)
       <> num_nonnulls(OLD.reserved_at, OLD.consumed_at, OLD.finalized_at, OLD.ended_at) + 1)
  EXECUTE FUNCTION birthgate.permit_guard();
-- What a permit is for is never written again; an open one is bound to its code when it is consumed.
CREATE OR REPLACE TRIGGER permit_guard_identity
  AFTER UPDATE OF id, kind, collection_name, from_entity_code, row_hash, requester, holder, idempotency_key,
                  break_glass, requested_at, expires_at ON birthgate.birth_admission_permit
  FOR EACH ROW EXECUTE FUNCTION birthgate.permit_guard();
CREATE OR REPLACE TRIGGER permit_guard_code
  AFTER UPDATE OF entity_code ON birthgate.birth_admission_permit
  FOR EACH ROW WHEN (OLD.entity_code IS NOT NULL OR NEW.state <> 'CONSUMED')
  EXECUTE FUNCTION birthgate.permit_guard();
CREATE OR REPLACE TRIGGER permit_guard_delete
  AFTER DELETE ON birthgate.birth_admission_permit
  FOR EACH ROW EXECUTE FUNCTION birthgate.permit_guard_delete();
ALTER TABLE birthgate.birth_admission_permit
  ENABLE ALWAYS TRIGGER permit_guard_insert,
  ENABLE ALWAYS TRIGGER permit_guard_update,
  ENABLE ALWAYS TRIGGER permit_guard_identity,
  ENABLE ALWAYS TRIGGER permit_guard_code,
  ENABLE ALWAYS TRIGGER permit_guard_delete;

-- Whether a permit may be spent by the login now: the one judgement that everybody shares. It is
-- inlined into the gate's UPDATE, so it has no SET; its body is bound to pg_catalog when created.
CREATE OR REPLACE FUNCTION birthgate.permit_is_spendable(
  p_state text, p_expires_at timestamptz, p_holder text, p_login name, p_now timestamptz)
RETURNS boolean LANGUAGE sql STABLE
RETURN p_state = 'RESERVED' AND p_expires_at > p_now
       AND (p_holder = p_login OR birthgate.acts_as(p_login, p_holder));

-- Why no permit lets the login do it: the refusal of one entity, as SQLSTATE, message, detail, hint.
CREATE OR REPLACE FUNCTION birthgate.permit_problem(
  p_collection text, p_entity_code text, p_kinds text[], p_login name, p_now timestamptz,
  OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_kind text := p_kinds[1];
  v_permit birthgate.birth_admission_permit;
BEGIN
  message := format('no permit for the %s of %L in the collection %L', v_kind, p_entity_code, p_collection);
  hint := format('Request and reserve one first: SELECT birthgate.permit_hold(%L, %L%s)', p_collection, p_entity_code,
                 CASE v_kind WHEN 'birth' THEN '' ELSE format(', %L', v_kind) END);
  SELECT * INTO v_permit FROM birthgate.birth_admission_permit
   WHERE collection_name = p_collection AND entity_code = p_entity_code AND active;
  IF NOT FOUND THEN
    code := 'PB001';
    detail := 'There is no active permit for this entity.';
  ELSIF v_permit.kind <> ALL (p_kinds) THEN
    code := 'PB001';
    detail := format('The active permit %s is for another act: %s.', v_permit.id, v_permit.kind);
    hint := format('Spend it, or cancel it: SELECT birthgate.permit_cancel(%s)', v_permit.id);
  ELSIF v_permit.state = 'REQUESTED' AND v_permit.expires_at > p_now THEN
    code := 'PB001';
    detail := format('Permit %s is REQUESTED, not RESERVED.', v_permit.id);
    hint := format('Reserve it: SELECT birthgate.permit_reserve(%s)', v_permit.id);
  ELSIF v_permit.state = 'CONSUMED' THEN
    code := 'PB001';
    detail := format('Permit %s is CONSUMED already: a permit is for one use.', v_permit.id);
  ELSIF v_permit.expires_at <= p_now THEN
    code := 'PB002';
    detail := format('Permit %s expired at %s.', v_permit.id, v_permit.expires_at);
  ELSE
    code := 'PB003';
    detail := format('Permit %s belongs to %I; the login is %I.', v_permit.id, v_permit.holder, p_login);
    hint := 'Insert as the login that holds the permit, or have one requested for this role.';
  END IF;
END
$$;

-- Raises the refusal of the first of the entities that has one.
CREATE OR REPLACE FUNCTION birthgate.refuse_unpermitted(p_collection text, p_entity_codes text[], p_kinds text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_problem record;
BEGIN
  SELECT p.* INTO v_problem
    FROM unnest(p_entity_codes) AS c(entity_code),
         birthgate.permit_problem(p_collection, c.entity_code, p_kinds, session_user, v_now) AS p LIMIT 1;
  RAISE EXCEPTION USING ERRCODE = v_problem.code, MESSAGE = v_problem.message,
    DETAIL = v_problem.detail, HINT = v_problem.hint;
END
$$;

-- Whether the login may request so many permits in the collection. With a quota the grant's row is
-- locked, so that two requests at once cannot both take the last place.
CREATE OR REPLACE FUNCTION birthgate.check_grant(p_collection text, p_wanted bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_grant birthgate.admission_grant;
  v_active bigint;
BEGIN
  SELECT * INTO v_grant FROM birthgate.admission_grant g
   WHERE g.collection_name = p_collection AND birthgate.acts_as(session_user, g.role_name)
   ORDER BY g.quota DESC NULLS FIRST LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB016',
      MESSAGE = format('%I may not request permits in the collection %L', session_user, p_collection),
      DETAIL = 'No grant names this login or a role it is a member of.',
      HINT = format('An owner grants it: birthgate collection grant %s %s', p_collection, session_user);
  ELSIF v_grant.quota IS NOT NULL THEN
    PERFORM FROM birthgate.admission_grant
      WHERE role_name = v_grant.role_name AND collection_name = p_collection FOR NO KEY UPDATE;
    SELECT count(*) INTO v_active
      FROM (SELECT FROM birthgate.birth_admission_permit
             WHERE collection_name = p_collection AND active AND requester = session_user
             LIMIT v_grant.quota + 1) AS held;
    IF v_active + p_wanted > v_grant.quota THEN
      RAISE EXCEPTION USING ERRCODE = 'PB015',
        MESSAGE = format('the quota of %s active permits in the collection %L is reached', v_grant.quota, p_collection),
        DETAIL = format('%I asks for %s and holds %s.', session_user, p_wanted, v_active),
        HINT = 'Spend or cancel permits first, or have the quota raised: birthgate collection grant';
    END IF;
  END IF;
  RETURN true;
END
$$;

-- Expires those of the entities' active permits that are overdue, and refuses an entity that still
-- has one.
CREATE OR REPLACE FUNCTION birthgate.clear_overdue(p_collection text, p_entity_codes text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_ids bigint[];
  v_active record;
BEGIN
  SELECT array_agg(p.id) INTO v_ids FROM birthgate.birth_admission_permit p
   WHERE p.entity_code = ANY (p_entity_codes) AND p.collection_name = p_collection AND p.active;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  UPDATE birthgate.birth_admission_permit SET state = 'EXPIRED', ended_at = v_now
   WHERE id = ANY (v_ids) AND state IN ('REQUESTED', 'RESERVED') AND expires_at <= v_now;
  SELECT id, entity_code, state, holder, expires_at INTO v_active
    FROM birthgate.birth_admission_permit WHERE id = ANY (v_ids) AND active LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'PB014',
      MESSAGE = format('%L of the collection %L has an active permit already', v_active.entity_code, p_collection),
      DETAIL = format('Permit %s is %s, is held by %I and expires at %s.',
                      v_active.id, v_active.state, v_active.holder, v_active.expires_at),
      HINT = format('Spend it, or cancel it: SELECT birthgate.permit_cancel(%s)', v_active.id);
  END IF;
END
$$;

-- Requests one permit for each entity; answers their ids in the order of the codes. The same key
-- with the same request answers the permit that it already made.
CREATE OR REPLACE FUNCTION birthgate.permit_request_many(
  p_collection text, p_entity_codes text[], p_kind text DEFAULT 'birth', p_idempotency_keys text[] DEFAULT NULL,
  p_ttl interval DEFAULT NULL, p_holder text DEFAULT NULL, p_break_glass text DEFAULT NULL,
  p_from_entity_codes text[] DEFAULT NULL, p_row_hashes bytea[] DEFAULT NULL)
RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_collection birthgate.collection;
  v_now timestamptz := clock_timestamp();
  v_holder text := coalesce(p_holder, session_user);
  v_ttl interval;
  v_checked boolean;
  v_ids bigint[];
  v_known record;
BEGIN
  SELECT * INTO v_collection FROM birthgate.collection WHERE collection_name = p_collection;
  v_ttl := coalesce(p_ttl, CASE WHEN p_break_glass IS NULL THEN v_collection.permit_ttl
                                ELSE least(v_collection.permit_ttl, '15 minutes') END);
  IF NOT FOUND OR (p_kind = 'birth' AND v_collection.mode NOT IN ('observe', 'enforce')) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB018',
      MESSAGE = format('no gate stands on the collection %L', p_collection),
      DETAIL = format('Its mode is %s.', coalesce(v_collection.mode, 'unknown: no such collection')),
      HINT = 'birthgate collection list shows the collections; birthgate collection govern sets the gate.';
  END IF;
  IF p_kind NOT IN ('birth', 'retire', 'rename', 'discard') OR (p_kind = 'rename') <> (p_from_entity_codes IS NOT NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('a permit of the kind %L cannot be requested so', p_kind),
      DETAIL = 'The kinds are birth, retire, discard, and rename, which alone names the code that it ends.',
      HINT = 'SELECT birthgate.rename(collection, from, to), or permit_request(…, p_from_entity_code => …)';
  END IF;
  IF p_idempotency_keys IS NOT NULL THEN
    IF cardinality(p_idempotency_keys) <> cardinality(p_entity_codes) THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025',
        MESSAGE = format('%s codes, but %s idempotency keys', cardinality(p_entity_codes), cardinality(p_idempotency_keys)),
        HINT = 'Give one key for each code, or none.';
    END IF;
    SELECT array_agg(p.id ORDER BY n.ord),
           count(*) FILTER (WHERE (p.kind, p.collection_name, p.holder) <> (p_kind, p_collection, v_holder)
                                  OR (n.entity_code IS NOT NULL AND p.entity_code IS DISTINCT FROM n.entity_code)
                                  OR p.from_entity_code IS DISTINCT FROM n.from_entity_code
                                  OR p.row_hash IS DISTINCT FROM n.row_hash) AS other,
           min(n.key) AS key
      INTO v_known
      FROM unnest(p_entity_codes, p_idempotency_keys, p_from_entity_codes, p_row_hashes)
             WITH ORDINALITY AS n(entity_code, key, from_entity_code, row_hash, ord),
           LATERAL (SELECT id, kind, collection_name, holder, entity_code, from_entity_code, row_hash
                      FROM birthgate.every_permit
                     WHERE idempotency_key = n.key AND requester = session_user COLLATE "default" OFFSET 0) AS p;
    IF v_known.other > 0 THEN
      RAISE EXCEPTION USING ERRCODE = 'PB013',
        MESSAGE = format('the idempotency key %L was used for another request', v_known.key),
        DETAIL = 'The same key must come with the same kind, collection, entity code and holder.',
        HINT = 'Use a new key for a new request.';
    ELSIF cardinality(v_known.array_agg) = cardinality(p_entity_codes) THEN
      RETURN v_known.array_agg;
    ELSIF cardinality(v_known.array_agg) > 0 THEN
      RAISE EXCEPTION USING ERRCODE = 'PB013',
        MESSAGE = format('%s of the %s idempotency keys were used before', cardinality(v_known.array_agg), cardinality(p_entity_codes)),
        HINT = 'Repeat the same batch, or request the new entities alone.';
    END IF;
  END IF;

  v_checked := birthgate.check_grant(p_collection, cardinality(p_entity_codes));
  IF p_kind IN ('birth', 'rename') THEN
    v_checked := birthgate.check_code_rule(p_collection, p_entity_codes)
                 AND birthgate.check_unborn(p_collection, p_entity_codes);
  END IF;
  IF p_kind = 'rename' THEN
    v_checked := birthgate.check_born(p_collection, p_from_entity_codes);
  END IF;
  IF array_position(p_entity_codes, NULL) IS NOT NULL AND NOT (p_kind = 'birth' AND v_collection.open_permits) THEN
    RAISE EXCEPTION USING ERRCODE = 'PB004',
      MESSAGE = format('a permit of the collection %L names the entity code', p_collection),
      DETAIL = 'Only a birth permit of a collection with open permits leaves the code to the database.',
      HINT = 'Name the code, or govern the collection with open permits.';
  END IF;
  IF p_holder IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = p_holder) THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('there is no role %L to hold the permit', p_holder),
        HINT = 'Name an existing role, or none to hold it yourself.';
    END IF;
  END IF;
  IF p_break_glass IS NOT NULL THEN
    IF NOT birthgate.acts_as(session_user, 'birthgate_breakglass') THEN
      RAISE EXCEPTION USING ERRCODE = 'PB016',
        MESSAGE = format('%I may not break the glass', session_user),
        DETAIL = 'An emergency admission needs the role birthgate_breakglass.',
        HINT = 'GRANT birthgate_breakglass TO … , or clear the dimensions: birthgate block list';
    ELSIF length(btrim(p_break_glass)) < 10 OR v_ttl > interval '15 minutes' THEN
      RAISE EXCEPTION USING ERRCODE = 'PB025',
        MESSAGE = 'an emergency admission needs a reason of 10 characters and lasts at most 15 minutes',
        HINT = 'Say why, and ask for a shorter time.';
    END IF;
  END IF;
  FOR v_attempt IN 1..2 LOOP
    IF cardinality(p_entity_codes) = 1 THEN
      -- Without a subtransaction: many single requests in one transaction would overflow everybody's snapshots.
      INSERT INTO birthgate.birth_admission_permit
             (kind, state, collection_name, entity_code, from_entity_code, row_hash, requester, holder,
              idempotency_key, break_glass, requested_at, expires_at)
      VALUES (p_kind, 'REQUESTED', p_collection, p_entity_codes[1], p_from_entity_codes[1], p_row_hashes[1],
              session_user, v_holder, p_idempotency_keys[1], p_break_glass, v_now, v_now + v_ttl)
      ON CONFLICT DO NOTHING
      RETURNING ARRAY[id] INTO v_ids;
    ELSE
      -- ON CONFLICT would cost half as much again for each row of a batch.
      BEGIN
        WITH requested AS (
          INSERT INTO birthgate.birth_admission_permit
                 (kind, state, collection_name, entity_code, from_entity_code, row_hash, requester, holder,
                  idempotency_key, break_glass, requested_at, expires_at)
          SELECT p_kind, 'REQUESTED', p_collection, n.entity_code, n.from_entity_code, n.row_hash,
                 session_user, v_holder, n.key, p_break_glass, v_now, v_now + v_ttl
            FROM unnest(p_entity_codes, p_idempotency_keys, p_from_entity_codes, p_row_hashes)
                   AS n(entity_code, key, from_entity_code, row_hash)
          RETURNING id)
        SELECT array_agg(id) INTO v_ids FROM requested;
      EXCEPTION WHEN unique_violation THEN
        v_ids := NULL;
      END;
    END IF;
    IF v_ids IS NOT NULL THEN
      IF p_break_glass IS NOT NULL AND coalesce(has_schema_privilege(to_regnamespace('birthgate_evidence'), 'USAGE'), false) THEN
        PERFORM birthgate_evidence.note('break-glass',
          jsonb_build_object('collection', p_collection, 'permits', v_ids, 'kind', p_kind, 'reason', p_break_glass));
      END IF;
      RETURN v_ids;
    END IF;
    -- An entity has an active permit: an overdue one makes room, and with another there is no second attempt.
    PERFORM birthgate.clear_overdue(p_collection, p_entity_codes);
  END LOOP;
  RAISE EXCEPTION USING ERRCODE = 'PB014',
    MESSAGE = format('the permits in the collection %L could not be requested', p_collection),
    DETAIL = 'An entity or a key was taken at the same moment, or stands twice in the request.',
    HINT = 'Ask again.';
END
$$;

-- Requests a permit for one entity; answers its id.
CREATE OR REPLACE FUNCTION birthgate.permit_request(
  p_collection text, p_entity_code text, p_kind text DEFAULT 'birth', p_idempotency_key text DEFAULT NULL,
  p_ttl interval DEFAULT NULL, p_holder text DEFAULT NULL, p_break_glass text DEFAULT NULL,
  p_from_entity_code text DEFAULT NULL, p_row_hash bytea DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (birthgate.permit_request_many(p_collection, ARRAY[p_entity_code], p_kind,
            CASE WHEN p_idempotency_key IS NOT NULL THEN ARRAY[p_idempotency_key] END,
            p_ttl, p_holder, p_break_glass,
            CASE WHEN p_from_entity_code IS NOT NULL THEN ARRAY[p_from_entity_code] END,
            CASE WHEN p_row_hash IS NOT NULL THEN ARRAY[p_row_hash] END))[1];
END
$$;

-- Reserves permits: from here on an insert is admitted. All stop-conditions are judged here, and not
-- at the insert, so that nobody's insert is ever stopped by a daemon that died.
CREATE OR REPLACE FUNCTION birthgate.permit_reserve_many(p_ids bigint[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET jit = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_checked boolean;
  v_reserved bigint := 0;
  v_of record;
BEGIN
  FOR v_of IN
    WITH reserved AS (
      UPDATE birthgate.birth_admission_permit p SET state = 'RESERVED', reserved_at = v_now
       WHERE p.id = ANY (p_ids) AND p.state = 'REQUESTED' AND p.expires_at > v_now + interval '1 second'
         AND (p.requester = session_user OR birthgate.acts_as(session_user, p.holder))
      RETURNING p.collection_name, p.kind, p.break_glass IS NOT NULL AS break_glass)
    SELECT collection_name, kind, break_glass, count(*) AS permits FROM reserved GROUP BY 1, 2, 3
  LOOP
    v_checked := birthgate.check_stops(v_of.collection_name, v_of.kind, v_of.break_glass);
    v_reserved := v_reserved + v_of.permits;
  END LOOP;
  IF v_reserved <> cardinality(p_ids) THEN
    PERFORM birthgate.refuse_transition(p_ids, 'RESERVED');
  END IF;
  RETURN true;
END
$$;

-- Reserves one permit.
CREATE OR REPLACE FUNCTION birthgate.permit_reserve(p_id bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN birthgate.permit_reserve_many(ARRAY[p_id]);
END
$$;

-- Says which of the permits cannot go to the state, and why. One that is there already is no problem.
CREATE OR REPLACE FUNCTION birthgate.refuse_transition(p_ids bigint[], p_to text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_id bigint;
  v_permit birthgate.birth_admission_permit;
BEGIN
  FOREACH v_id IN ARRAY p_ids LOOP
    SELECT * INTO v_permit FROM birthgate.birth_admission_permit WHERE id = v_id;
    IF v_permit.id IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'PB024', MESSAGE = format('there is no permit %s', v_id),
        HINT = 'birthgate permit list shows the permits.';
    ELSIF NOT (v_permit.requester = session_user OR birthgate.acts_as(session_user, v_permit.holder)
               OR birthgate.acts_as(session_user, 'birthgate_registrar')) THEN
      RAISE EXCEPTION USING ERRCODE = 'PB003',
        MESSAGE = format('permit %s belongs to %I; the login is %I', v_id, v_permit.holder, session_user),
        HINT = 'Act as the login that requested or holds the permit.';
    ELSIF v_permit.state IN ('REQUESTED', 'RESERVED') AND v_permit.expires_at <= v_now + interval '1 second' THEN
      RAISE EXCEPTION USING ERRCODE = 'PB002',
        MESSAGE = format('permit %s is overdue: it expires at %s', v_id, v_permit.expires_at),
        HINT = 'Request a new permit.';
    ELSIF v_permit.state <> p_to THEN
      RAISE EXCEPTION USING ERRCODE = 'PB011',
        MESSAGE = format('permit %s cannot go from %s to %s', v_id, v_permit.state, p_to),
        HINT = 'Request a new permit.';
    END IF;
  END LOOP;
END
$$;

-- Requests and reserves in one call; answers the permit's id. In a statement such as
--   INSERT INTO t (code, …) SELECT 'X-1', … FROM birthgate.permit_hold('t', 'X-1')
-- it admits a row in one round trip.
CREATE OR REPLACE FUNCTION birthgate.permit_hold(
  p_collection text, p_entity_code text, p_kind text DEFAULT 'birth', p_idempotency_key text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_id bigint := birthgate.permit_request(p_collection, p_entity_code, p_kind, p_idempotency_key);
  v_reserved boolean := birthgate.permit_reserve_many(ARRAY[v_id]);
BEGIN
  RETURN v_id;
END
$$;

-- Ends permits that are not spent: by their requester, their holder or a registrar.
CREATE OR REPLACE FUNCTION birthgate.permit_end(p_id bigint, p_to text, p_why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  IF p_to NOT IN ('CANCELLED', 'FAILED') THEN
    RAISE EXCEPTION USING ERRCODE = 'PB025', MESSAGE = format('a permit is not ended as %L', p_to),
      HINT = 'Use birthgate.permit_cancel, permit_fail or permit_expire.';
  END IF;
  UPDATE birthgate.birth_admission_permit p SET state = p_to, ended_at = clock_timestamp(), ended_why = p_why
   WHERE p.id = p_id AND p.state IN ('REQUESTED', 'RESERVED')
     AND (p.requester = session_user OR birthgate.acts_as(session_user, p.holder)
          OR birthgate.acts_as(session_user, 'birthgate_registrar'));
  IF NOT FOUND THEN
    PERFORM birthgate.refuse_transition(ARRAY[p_id], p_to);
  END IF;
END
$$;

-- Takes a permit that is not spent to CANCELLED.
CREATE OR REPLACE FUNCTION birthgate.permit_cancel(p_id bigint, p_why text DEFAULT NULL) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT birthgate.permit_end(p_id, 'CANCELLED', p_why) $$;

-- Takes a permit that is not spent to FAILED, with what failed.
CREATE OR REPLACE FUNCTION birthgate.permit_fail(p_id bigint, p_why text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$ SELECT birthgate.permit_end(p_id, 'FAILED', p_why) $$;

-- The sweeper: expires overdue permits, at most p_most of them, and passes over those that are being
-- spent at this moment. Answers how many.
CREATE OR REPLACE FUNCTION birthgate.permit_expire(p_most bigint DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_expired bigint;
BEGIN
  UPDATE birthgate.birth_admission_permit SET state = 'EXPIRED', ended_at = v_now
   WHERE id IN (SELECT id FROM birthgate.birth_admission_permit
                 WHERE active AND state IN ('REQUESTED', 'RESERVED') AND expires_at <= v_now
                 LIMIT p_most FOR NO KEY UPDATE SKIP LOCKED);
  GET DIAGNOSTICS v_expired = ROW_COUNT;
  RETURN v_expired;
END
$$;

-- What the login's permits of these keys are: how the outcome of a commit that got lost is looked up.
CREATE OR REPLACE FUNCTION birthgate.permits_by_key(p_idempotency_keys text[])
RETURNS TABLE (idempotency_key text, id bigint, state text, collection_name text, entity_code text, finalized_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
  SELECT p.*
    FROM unnest(p_idempotency_keys) AS n(key),
         LATERAL (SELECT idempotency_key, id, state, collection_name, entity_code, finalized_at
                    FROM birthgate.every_permit
                   WHERE idempotency_key = n.key AND requester = session_user COLLATE "default" OFFSET 0) AS p
$$;

-- Moves permits that ended before the time to the archive, at most p_most of them, into a partition
-- for each month. Answers how many.
CREATE OR REPLACE FUNCTION birthgate.permit_archive(p_before timestamptz, p_most bigint DEFAULT 10000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off SET "TimeZone" = 'UTC'
AS $$
DECLARE
  v_ids bigint[];
  v_month timestamptz;
  v_partition text;
BEGIN
  SELECT array_agg(id) INTO v_ids
    FROM (SELECT id FROM birthgate.birth_admission_permit
           WHERE NOT active AND coalesce(finalized_at, ended_at) < p_before
           LIMIT p_most FOR UPDATE SKIP LOCKED) AS closed;
  FOR v_month IN
    SELECT DISTINCT date_trunc('month', coalesce(finalized_at, ended_at))
      FROM birthgate.birth_admission_permit WHERE id = ANY (v_ids)
  LOOP
    v_partition := to_char(v_month, '"permit_archive_"YYYY_MM');
    IF to_regclass(format('birthgate.%I', v_partition)) IS NULL
       AND (SELECT partdefid FROM pg_partitioned_table WHERE partrelid = 'birthgate.permit_archive'::regclass) = 0 THEN
      EXECUTE format('CREATE TABLE birthgate.%I PARTITION OF birthgate.permit_archive FOR VALUES FROM (%L) TO (%L)',
                     v_partition, v_month, v_month + interval '1 month');
    END IF;
  END LOOP;
  INSERT INTO birthgate.permit_archive
  SELECT p.*, coalesce(p.finalized_at, p.ended_at) FROM birthgate.birth_admission_permit p WHERE p.id = ANY (v_ids);
  DELETE FROM birthgate.birth_admission_permit WHERE id = ANY (v_ids);
  RETURN coalesce(cardinality(v_ids), 0);
END
$$;
