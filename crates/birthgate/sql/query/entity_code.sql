SELECT birthgate.entity_code($1, $2)
