SELECT count(*) FROM birthgate.birth_registry WHERE status = 'retired'
