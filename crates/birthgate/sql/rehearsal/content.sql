-- The rows of a table as one value, whatever their order: how many, and the sums of two hashes.
SELECT format('%s %s %s', count(*), coalesce(sum(hashtextextended(t::text, 1)), 0), coalesce(sum(hashtextextended(t::text, 2)), 0)) FROM ONLY {table} AS t
