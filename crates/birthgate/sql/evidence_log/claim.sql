INSERT INTO birthgate_evidence.instance (id, facts) VALUES ($1, $2)
ON CONFLICT (only_row) DO UPDATE SET id = EXCLUDED.id, facts = EXCLUDED.facts
