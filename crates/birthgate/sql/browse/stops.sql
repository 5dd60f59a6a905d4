SELECT collection_name, reason, stopped_by, to_json(since) #>> '{}' AS since FROM birthgate.stop ORDER BY collection_name
