-- How large tables are, with what is stored aside of their rows. $1: their OIDs.
SELECT oid, pg_table_size(oid) AS bytes FROM unnest($1::oid[]) AS oid WHERE pg_table_size(oid) IS NOT NULL
