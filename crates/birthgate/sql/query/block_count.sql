SELECT birthgate.block_count($1)
