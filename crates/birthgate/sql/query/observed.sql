SELECT collection_name, operation, refusal, login, count(*) AS times, (array_agg(DISTINCT entity_code))[1:5] AS examples,
       to_json(min(seen_at)) #>> '{}' AS first_seen, to_json(max(seen_at)) #>> '{}' AS last_seen
  FROM birthgate.observed WHERE $1::text IS NULL OR collection_name = $1
 GROUP BY collection_name, operation, refusal, login ORDER BY collection_name, times DESC
