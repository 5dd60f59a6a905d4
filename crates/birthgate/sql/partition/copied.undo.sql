SELECT birthgate.copy_births_undo();
