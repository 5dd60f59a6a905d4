-- What the text of an object depends on. SET LOCAL: the caller's transaction or savepoint ends it. Without pg_temp at the end of it
-- somebody's temporary table pg_class would be looked up before the catalog.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL quote_all_identifiers = off;
SET LOCAL "TimeZone" = 'UTC';
SET LOCAL "DateStyle" = 'ISO, YMD';
SET LOCAL "IntervalStyle" = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
SET LOCAL jit = off;
-- What spills into a file leaves a folder behind in a server that had none.
SET LOCAL work_mem = '64MB';
