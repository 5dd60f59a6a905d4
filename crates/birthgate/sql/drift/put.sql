SELECT birthgate.baseline_put($1, $2)
