-- What each role may do, granted once with version 3. Registrars run the services.
GRANT EXECUTE ON FUNCTION birthgate.handoff_note(jsonb) TO birthgate_registrar;
