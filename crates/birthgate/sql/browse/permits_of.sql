-- The permits of an entity that an index finds: the active ones, and those of its births.
WITH found AS (
  SELECT id FROM birthgate.birth_admission_permit WHERE entity_code = $1 AND active
   UNION
  SELECT permit_id FROM birthgate.birth_registry WHERE entity_code = $1
   UNION
  SELECT retire_permit_id FROM birthgate.birth_registry WHERE entity_code = $1)
SELECT id, kind, state, collection_name, entity_code, requester, holder, break_glass,
       to_json(requested_at) #>> '{}' AS requested_at, to_json(expires_at) #>> '{}' AS expires_at,
       to_json(reserved_at) #>> '{}' AS reserved_at, to_json(consumed_at) #>> '{}' AS consumed_at,
       to_json(finalized_at) #>> '{}' AS finalized_at, to_json(ended_at) #>> '{}' AS ended_at, ended_why
  FROM birthgate.every_permit
 WHERE id = ANY (ARRAY(SELECT id FROM found WHERE id IS NOT NULL LIMIT 100))
   AND ($2::text IS NULL OR collection_name = $2) AND ($3::text IS NULL OR state = $3)
 ORDER BY id DESC
