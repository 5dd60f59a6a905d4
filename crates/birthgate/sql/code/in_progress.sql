-- Which of these transactions ($1, as xmin has them) go on. A row version that is seen and whose transaction goes on is this
-- transaction's own, or of a part of it. An xid that is none of the last two thousand million is one of the round before.
SELECT xmin FROM unnest($1::bigint[]) AS xmin
 CROSS JOIN LATERAL (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric AS next) AS s
 CROSS JOIN LATERAL (SELECT div(s.next, 4294967296) * 4294967296 + xmin AS xid) AS f
 CROSS JOIN LATERAL (SELECT CASE WHEN f.xid > s.next + 2147483648 THEN f.xid - 4294967296 WHEN f.xid < s.next - 2147483648 THEN f.xid + 4294967296 ELSE f.xid END AS xid) AS x
 WHERE xmin > 2 AND x.xid > 0 AND pg_xact_status(x.xid::text::xid8) = 'in progress'
