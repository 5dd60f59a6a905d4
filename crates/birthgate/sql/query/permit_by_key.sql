SELECT id, state, entity_code FROM birthgate.permit_by_key($1)
