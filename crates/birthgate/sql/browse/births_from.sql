-- The births whose code begins so, in the order of the codes, after one of them. The index on the code is walked from there on:
-- in most collations it finds no prefix, but what begins with one sorts after it. At most $5 are looked at.
WITH looked AS MATERIALIZED (
  SELECT b.id::bigint AS id, b.collection_name::text, b.entity_code::text, b.status::text, b.origin::text, b.permit_id::bigint, b.retire_permit_id::bigint, b.renamed_to::text,
         CASE WHEN isfinite(b.born_at) THEN b.born_at::timestamptz END AS born_at, b.finalized_at, b.retired_at
    FROM birthgate.birth_registry b
   WHERE b.entity_code >= $2 AND (b.entity_code, b.collection_name) > ($2, $3)
   ORDER BY b.entity_code, b.collection_name LIMIT $5),
last AS (SELECT entity_code, collection_name FROM looked ORDER BY entity_code DESC, collection_name DESC LIMIT 1)
SELECT l.looked, last.entity_code AS last_code, last.collection_name AS last_collection, f.id, f.collection_name, f.entity_code, f.status, f.origin, f.permit_id, f.retire_permit_id, f.renamed_to,
       to_json(f.born_at) #>> '{}' AS born_at, to_json(f.finalized_at) #>> '{}' AS finalized_at, to_json(f.retired_at) #>> '{}' AS retired_at
  FROM (SELECT count(*) AS looked FROM looked) AS l LEFT JOIN last ON true
  LEFT JOIN (SELECT * FROM looked WHERE starts_with(entity_code, $1) AND ($4::text IS NULL OR collection_name = $4)
              ORDER BY entity_code, collection_name LIMIT $6) AS f ON true
 ORDER BY f.entity_code, f.collection_name
