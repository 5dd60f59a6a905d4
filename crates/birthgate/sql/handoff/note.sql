SELECT birthgate.handoff_note($1)
