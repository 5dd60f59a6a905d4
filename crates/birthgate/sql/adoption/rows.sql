-- What its rows say: whole keys, keys that two rows have, and states that are none.
SELECT (SELECT count(*) FROM {registry}) AS row_count, (SELECT count(*) FROM {registry} WHERE entity_code IS NULL OR collection_name IS NULL) AS nulls,
       (SELECT count(*) FROM (SELECT FROM {registry} GROUP BY entity_code, collection_name HAVING count(*) > 1) AS d) AS doubled,
       (SELECT count(*) FROM {registry} WHERE status IS NULL OR status NOT IN ('born', 'finalized')) AS other_states,
       (SELECT string_agg(DISTINCT status, ', ') FROM {registry} WHERE status NOT IN ('born', 'finalized')) AS states
