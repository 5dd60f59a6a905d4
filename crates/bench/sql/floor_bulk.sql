-- Every column as it is when a birth is over. The n-th permit has the id n.
INSERT INTO floor.permit
       (kind, state, collection_name, entity_code, requester, holder, requested_at, expires_at,
        reserved_at, consumed_at, consumed_by, consumed_xid, incarnation, finalized_at)
SELECT 'birth', 'FINALIZED', 'item', format('B-%s', lpad(n::text, 9, '0')), session_user, session_user,
       now(), now() + interval '15 minutes', now(), now(), session_user, pg_current_xact_id(), 1, now()
  FROM generate_series({from}, {to}) AS n;
INSERT INTO floor.birth
       (entity_code, collection_name, status, origin, permit_id, born_at, born_xid, incarnation, finalized_at)
SELECT format('B-%s', lpad(n::text, 9, '0')), 'item', 'finalized', 'permit', n, now(),
       pg_current_xact_id(), 1, now()
  FROM generate_series({from}, {to}) AS n;
INSERT INTO floor.item (code, name)
SELECT format('B-%s', lpad(n::text, 9, '0')), 'an item' FROM generate_series({from}, {to}) AS n;
