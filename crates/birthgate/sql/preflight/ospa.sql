-- The table of human approvals as a query names it, and the column that says who approved; NULL where one is not there. A view,
-- or a type of somebody's own, would run its owner's code as whoever asks: those are not looked at.
SELECT (SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')) AS "table",
       (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped
           AND atttypid < 16384) AS "column"
