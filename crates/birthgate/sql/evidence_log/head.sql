SELECT number, hash FROM birthgate_evidence.log ORDER BY number DESC LIMIT 1
