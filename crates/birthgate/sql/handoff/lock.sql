SELECT pg_try_advisory_lock(hashtextextended('birthgate handoff ' || $1, 0))
