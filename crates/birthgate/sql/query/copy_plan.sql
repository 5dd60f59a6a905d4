SELECT birthgate.copy_plan()
