-- The births below an id, the newest first; at most $3 are looked at, of which at most $4 of the collection are shown, so
-- that a collection that has none costs no scan of the registry. id is qualified: its cast has no index.
WITH looked AS MATERIALIZED (
  SELECT b.id::bigint AS id, b.collection_name::text, b.entity_code::text, b.status::text, b.origin::text, b.permit_id::bigint, b.retire_permit_id::bigint, b.renamed_to::text,
         CASE WHEN isfinite(b.born_at) THEN b.born_at::timestamptz END AS born_at, b.finalized_at, b.retired_at
    FROM birthgate.birth_registry b WHERE b.id < $1 ORDER BY b.id DESC LIMIT $3)
SELECT l.looked, l.lowest, f.id, f.collection_name, f.entity_code, f.status, f.origin, f.permit_id, f.retire_permit_id, f.renamed_to,
       to_json(f.born_at) #>> '{}' AS born_at, to_json(f.finalized_at) #>> '{}' AS finalized_at, to_json(f.retired_at) #>> '{}' AS retired_at
  FROM (SELECT count(*) AS looked, min(id) AS lowest FROM looked) AS l
  LEFT JOIN (SELECT * FROM looked WHERE $2::text IS NULL OR collection_name = $2 ORDER BY id DESC LIMIT $4) AS f ON true
 ORDER BY f.id DESC
