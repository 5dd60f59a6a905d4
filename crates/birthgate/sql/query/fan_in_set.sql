SELECT birthgate.fan_in_set()
