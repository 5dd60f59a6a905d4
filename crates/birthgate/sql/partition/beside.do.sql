-- A table of {partitions} partitions beside the registry; every change is carried to it from now on.
SELECT birthgate.registry_partition({partitions});
