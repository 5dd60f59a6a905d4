SELECT birthgate.is_carried('birthgate.birth_registry_partitioned');
