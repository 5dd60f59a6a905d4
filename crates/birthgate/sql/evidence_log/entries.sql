SELECT number, at, kind, login, body, previous, hash FROM birthgate_evidence.log WHERE number > $1 AND ($2::text[] IS NULL OR kind = ANY ($2)) ORDER BY number
