SELECT birthgate.permit_fail($1, $2)
