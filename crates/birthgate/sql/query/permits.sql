SELECT id, kind, state, collection_name, entity_code, requester, holder, break_glass,
       to_json(requested_at) #>> '{}' AS requested_at, to_json(expires_at) #>> '{}' AS expires_at,
       to_json(reserved_at) #>> '{}' AS reserved_at, to_json(consumed_at) #>> '{}' AS consumed_at,
       to_json(finalized_at) #>> '{}' AS finalized_at, to_json(ended_at) #>> '{}' AS ended_at, ended_why
  FROM birthgate.every_permit
 WHERE ($1::text IS NULL OR collection_name = $1) AND ($2::text IS NULL OR state = $2)
   AND (NOT $3::boolean OR break_glass IS NOT NULL) AND ($4::bigint IS NULL OR id = $4)
 ORDER BY id DESC LIMIT $5
