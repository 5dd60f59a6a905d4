-- The births that a permit made or ended.
SELECT f.id, f.collection_name, f.entity_code, f.status, f.origin, f.permit_id, f.retire_permit_id, f.renamed_to,
       to_json(f.born_at) #>> '{}' AS born_at, to_json(f.finalized_at) #>> '{}' AS finalized_at, to_json(f.retired_at) #>> '{}' AS retired_at
  FROM (SELECT b.id::bigint AS id, b.collection_name::text, b.entity_code::text, b.status::text, b.origin::text, b.permit_id::bigint, b.retire_permit_id::bigint, b.renamed_to::text,
         CASE WHEN isfinite(b.born_at) THEN b.born_at::timestamptz END AS born_at, b.finalized_at, b.retired_at FROM birthgate.birth_registry b WHERE b.permit_id = $1
         UNION
        SELECT b.id::bigint AS id, b.collection_name::text, b.entity_code::text, b.status::text, b.origin::text, b.permit_id::bigint, b.retire_permit_id::bigint, b.renamed_to::text,
         CASE WHEN isfinite(b.born_at) THEN b.born_at::timestamptz END AS born_at, b.finalized_at, b.retired_at FROM birthgate.birth_registry b WHERE b.retire_permit_id = $1) AS f
 ORDER BY f.id
