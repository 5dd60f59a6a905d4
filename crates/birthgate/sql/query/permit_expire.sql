SELECT birthgate.permit_expire($1)
