SELECT birthgate.register($1, $2, $3)
