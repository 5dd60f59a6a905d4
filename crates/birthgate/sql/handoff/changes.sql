SELECT id::bigint, collection_name, entity_code, action, permit_id::bigint, changed_by::text, CASE WHEN isfinite(changed_at) THEN changed_at::timestamptz END AS at
  FROM birthgate.registry_changelog WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3
