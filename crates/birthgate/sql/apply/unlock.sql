SELECT pg_advisory_unlock(hashtextextended('birthgate apply', 0))
