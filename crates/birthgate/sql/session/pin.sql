-- Names are looked up in the catalogs alone, whatever path the role or the database sets: a function or operator in a schema that
-- somebody else may write to, or that fits the arguments better, is never called. Not where a pooler has taken the setting of the
-- connection away: there the session is not ours alone.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)
 WHERE pg_catalog.current_setting('birthgate.direct', true) OPERATOR(pg_catalog.=) 'on'
