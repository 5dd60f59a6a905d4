-- Whoever asks may be a superuser: nothing is written, no policy runs, no path leads elsewhere.
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL row_security = off;
SET LOCAL constraint_exclusion = off;
SET LOCAL statement_timeout = '1min';
