-- One apply at a time. The session that runs the steps holds it, so that it lasts as long as a step may still be running.
SELECT pg_try_advisory_lock(hashtextextended('birthgate apply', 0))
