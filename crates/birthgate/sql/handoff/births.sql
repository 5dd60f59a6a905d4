SELECT id::bigint, collection_name, entity_code, origin, permit_id::bigint, CASE WHEN isfinite(born_at) THEN born_at::timestamptz END AS at
  FROM birthgate.birth_registry WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3
