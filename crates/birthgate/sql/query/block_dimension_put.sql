SELECT birthgate.block_dimension_put($1, $2, $3, $4, $5::float8 * interval '1 second', $6::text[])
