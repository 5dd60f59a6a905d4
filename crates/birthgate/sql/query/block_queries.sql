SELECT name FROM birthgate.block_dimension WHERE query IS NOT NULL ORDER BY name
