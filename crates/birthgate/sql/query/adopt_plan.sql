SELECT statement, transactional FROM birthgate.adopt_registry_plan($1::text::regclass, $2::text::regclass)
