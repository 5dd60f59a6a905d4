SELECT birthgate.admission_grant_set($1, $2, $3)
