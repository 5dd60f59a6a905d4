SELECT birthgate.registry_drop_unpartitioned();
