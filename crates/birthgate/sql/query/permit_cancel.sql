SELECT birthgate.permit_cancel($1, $2)
