INSERT INTO naive.permit
       (kind, state, collection_name, entity_code, requester, holder, requested_at, expires_at)
SELECT 'birth', 'REQUESTED', 'item', format('B-%s', lpad(n::text, 9, '0')), session_user, session_user,
       now(), now() + interval '15 minutes'
  FROM generate_series({from}, {to}) AS n;
UPDATE naive.permit SET state = 'RESERVED', reserved_at = now()
 WHERE id BETWEEN {from} AND {to} AND state = 'REQUESTED';
INSERT INTO naive.item (code, name)
SELECT format('B-%s', lpad(n::text, 9, '0')), 'an item' FROM generate_series({from}, {to}) AS n;
