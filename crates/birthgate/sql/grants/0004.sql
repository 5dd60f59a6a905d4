-- What each role may do, granted once with version 4. Registrars run the services.
GRANT SELECT ON birthgate.ddl_event TO birthgate_registrar, birthgate_auditor;
GRANT EXECUTE ON FUNCTION birthgate.ddl_event_prune(interval, bigint) TO birthgate_registrar;
