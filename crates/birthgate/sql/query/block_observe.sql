SELECT birthgate.block_observe($1, $2, $3)
