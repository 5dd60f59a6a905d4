SELECT birthgate.block_grace_put($1, $2::float8 * interval '1 second')
