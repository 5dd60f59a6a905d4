-- A session that can only read, holds nothing up, and tells times in UTC.
SET default_transaction_read_only = on;
SET statement_timeout = '5s';
SET lock_timeout = '2s';
SET idle_in_transaction_session_timeout = '10s';
SET TimeZone = 'UTC';
-- A page is the first rows of an index, wherever in the table they are: not all of it, read and sorted.
SET random_page_cost = 1.1;
SET application_name = '{name}';
