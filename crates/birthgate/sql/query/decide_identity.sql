SELECT birthgate.decide_identity($1, $2, $3, $4)
