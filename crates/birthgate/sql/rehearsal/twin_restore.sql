-- As pg_dump sets it before a restore. What a function says is looked at when it is called.
SET check_function_bodies = off;
SET search_path = pg_catalog, pg_temp;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET synchronous_commit = off;
