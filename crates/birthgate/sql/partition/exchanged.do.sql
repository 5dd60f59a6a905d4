SELECT birthgate.registry_exchange('birth_registry_partitioned', 'birth_registry_unpartitioned');
