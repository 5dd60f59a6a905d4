SELECT birthgate.registry_partition_undo();
