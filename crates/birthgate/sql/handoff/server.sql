-- Which server this is, and which of its lives: no two began in the same microsecond.
SELECT pg_postmaster_start_time() AS since
