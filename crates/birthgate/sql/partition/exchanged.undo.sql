SELECT birthgate.registry_exchange('birth_registry_unpartitioned', 'birth_registry_partitioned');
