SELECT birthgate.retire($1, $2, $3, $4)
