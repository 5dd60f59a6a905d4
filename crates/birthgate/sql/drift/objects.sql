SELECT object, kind, hash, attributes FROM birthgate.baseline_object
