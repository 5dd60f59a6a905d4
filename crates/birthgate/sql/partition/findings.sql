SELECT birthgate.registry_partition_findings()
