SELECT jsonb_build_object(
  'collection_name', $1::text, 'entity_code', $2::text,
  'births', coalesce((SELECT jsonb_agg(to_jsonb(b) ORDER BY b.id) FROM birthgate.birth_registry b
                       WHERE b.collection_name = $1 AND b.entity_code = $2), '[]'),
  'permits', coalesce((SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(p)) ORDER BY p.id) FROM birthgate.every_permit p
                        WHERE p.collection_name = $1 AND $2 IN (p.entity_code, p.from_entity_code)), '[]'))
