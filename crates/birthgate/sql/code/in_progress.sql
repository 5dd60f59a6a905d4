-- Which of these transactions ($1, as xmin has them) are not over. A row version that is seen and whose transaction goes on is this transaction's own.
SELECT xmin FROM unnest($1::bigint[]) AS xmin
 CROSS JOIN LATERAL (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric AS next) AS s
 CROSS JOIN LATERAL (SELECT div(s.next, 4294967296) * 4294967296 + xmin AS full_xid) AS f
 CROSS JOIN LATERAL (SELECT CASE WHEN f.full_xid > s.next THEN f.full_xid - 4294967296 ELSE f.full_xid END AS xid) AS x
 WHERE xmin > 2 AND x.xid > 0 AND pg_xact_status(x.xid::text::xid8) = 'in progress'
