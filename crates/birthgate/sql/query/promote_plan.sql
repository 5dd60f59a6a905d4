SELECT birthgate.promote_plan()
