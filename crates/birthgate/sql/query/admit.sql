SELECT birthgate.admit($1, $2, $3)
