-- The session that holds the snapshot of the copy: nothing that a role or a database sets changes what it reads,
-- hides rows from it or ends it. It takes no lock that outlives a query.
SET search_path = pg_catalog, pg_temp;
SET row_security = off;
SET statement_timeout = 0;
SET lock_timeout = '2s';
SET idle_in_transaction_session_timeout = 0;
SET client_min_messages = warning;
SET "DateStyle" = 'ISO, YMD';
SET "IntervalStyle" = 'postgres';
SET "TimeZone" = 'UTC';
SET bytea_output = 'hex';
SET extra_float_digits = 3;
SET lc_monetary = 'C';
SET xmloption = content;
SET quote_all_identifiers = off;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
