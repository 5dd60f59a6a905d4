SELECT name, description, value, bound, state, to_json(observed_at) #>> '{}' AS observed_at, problem, blocks,
       extract(epoch FROM max_age)::float8 AS max_age_seconds
  FROM birthgate.block_status ORDER BY name
