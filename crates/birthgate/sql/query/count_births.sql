SELECT count(*) FROM birthgate.birth_registry
