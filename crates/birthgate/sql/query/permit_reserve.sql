SELECT birthgate.permit_reserve($1)
