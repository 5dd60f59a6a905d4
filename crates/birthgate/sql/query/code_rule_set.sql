SELECT birthgate.code_rule_set($1, $2)
