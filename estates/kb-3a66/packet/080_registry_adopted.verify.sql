SELECT registry_schema = 'public' AND registry_table = 'birth_registry' FROM birthgate.instance;
