-- A page of births, backward from an id: how many were born in each of the last 60 minutes. Nothing is looked for by time, which
-- no index knows.
WITH page AS MATERIALIZED (
  SELECT b.id::bigint AS id, CASE WHEN isfinite(b.born_at) THEN b.born_at::timestamptz END AS at
    FROM birthgate.birth_registry b WHERE b.id < $1 ORDER BY b.id DESC LIMIT $2)
SELECT p.looked, p.lowest, coalesce(p.newest < now() - interval '1 hour', true) AS is_older,
       coalesce(extract(epoch FROM now() - p.newest)::bigint / 60, 60) AS newest_minute, m.minute, m.births
  FROM (SELECT count(*) AS looked, min(id) AS lowest, max(at) AS newest FROM page) AS p
  LEFT JOIN (SELECT greatest(floor(extract(epoch FROM now() - at) / 60), 0)::bigint AS minute, count(*) AS births
               FROM page WHERE at > now() - interval '1 hour' GROUP BY 1) AS m ON true
