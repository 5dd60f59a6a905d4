SELECT birthgate.ddl_event_prune($1::float8 * interval '1 second', $2)
