SELECT birthgate_evidence.claim($1, $2)
