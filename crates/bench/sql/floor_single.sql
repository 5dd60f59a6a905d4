WITH permit AS (
  INSERT INTO floor.permit
         (kind, state, collection_name, entity_code, requester, holder, requested_at, expires_at,
          reserved_at, consumed_at, consumed_by, consumed_xid, incarnation, finalized_at)
  VALUES ('birth', 'FINALIZED', 'item', $1, session_user, session_user, now(), now() + interval '15 minutes',
          now(), now(), session_user, pg_current_xact_id(), 1, now())
  RETURNING id),
birth AS (
  INSERT INTO floor.birth
         (entity_code, collection_name, status, origin, permit_id, born_at, born_xid, incarnation, finalized_at)
  SELECT $1, 'item', 'finalized', 'permit', id, now(), pg_current_xact_id(), 1, now() FROM permit)
INSERT INTO floor.item (code, name) VALUES ($1, 'an item')
