-- What clients have sent lately, as pg_stat_statements has kept it.
SELECT query FROM {view} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND query ILIKE '%on%conflict%' AND query ILIKE '%' || $1 || '%' AND query NOT ILIKE '%prosrc%'
