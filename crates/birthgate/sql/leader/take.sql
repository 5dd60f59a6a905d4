-- A standby has locks of its own, so that one could lead there beside the primary's: NULL.
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_try_advisory_lock(hashtextextended('birthgate leader', 0)) END
