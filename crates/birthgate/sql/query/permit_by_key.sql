SELECT id, state, entity_code FROM birthgate.permits_by_key(ARRAY[$1])
