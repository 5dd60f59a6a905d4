SELECT birthgate.rename($1, $2, $3, $4)
