SELECT birthgate.admission_grant_drop($1, $2)
