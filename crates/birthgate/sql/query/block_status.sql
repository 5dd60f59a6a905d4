SELECT name, description, value, bound, state, to_json(observed_at) #>> '{}' AS observed_at, problem, blocks
  FROM birthgate.block_status ORDER BY name
