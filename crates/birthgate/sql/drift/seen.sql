SELECT birthgate.baseline_seen()
