-- What each role may do, granted once with version 2.
GRANT SELECT ON birthgate.identity_decision TO birthgate_reader;
GRANT SELECT ON birthgate.identity_decision, birthgate.baseline, birthgate.baseline_object TO birthgate_registrar, birthgate_auditor;
GRANT EXECUTE ON FUNCTION birthgate.has_own_births(text) TO birthgate_reader, birthgate_registrar, birthgate_auditor;
