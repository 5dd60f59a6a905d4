SELECT birthgate.permit_request($1, $2, $3, $4, $5 * interval '1 second', $6, $7, $8)
