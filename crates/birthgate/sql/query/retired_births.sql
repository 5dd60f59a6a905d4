SELECT to_jsonb(b)::text FROM birthgate.birth_registry b WHERE status = 'retired' ORDER BY id
