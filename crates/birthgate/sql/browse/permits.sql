-- The permits below a number, the newest first; at most $5 are looked at, of which at most $6 are shown.
WITH looked AS MATERIALIZED (
  SELECT * FROM birthgate.every_permit WHERE id < $1 ORDER BY id DESC LIMIT $5)
SELECT l.looked, l.lowest, f.*
  FROM (SELECT count(*) AS looked, min(id) AS lowest FROM looked) AS l
  LEFT JOIN (SELECT id, kind, state, collection_name, entity_code, requester, holder, break_glass,
       to_json(requested_at) #>> '{}' AS requested_at, to_json(expires_at) #>> '{}' AS expires_at,
       to_json(reserved_at) #>> '{}' AS reserved_at, to_json(consumed_at) #>> '{}' AS consumed_at,
       to_json(finalized_at) #>> '{}' AS finalized_at, to_json(ended_at) #>> '{}' AS ended_at, ended_why
               FROM looked
              WHERE ($2::text IS NULL OR collection_name = $2) AND ($3::text IS NULL OR state = $3)
                AND ($4::text IS NULL OR $4 IN (entity_code, from_entity_code))
              ORDER BY id DESC LIMIT $6) AS f ON true
 ORDER BY f.id DESC
