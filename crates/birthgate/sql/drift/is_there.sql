SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'baseline' AND relnamespace = to_regnamespace('birthgate'))
