SELECT birthgate_evidence.append($1, $2)
