SELECT birthgate.admit('item', jsonb_build_object('code', $1::text, 'name', 'an item'))
