SELECT max(version) FROM birthgate.schema_version
