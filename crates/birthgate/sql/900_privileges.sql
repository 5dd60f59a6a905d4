-- Nothing is for PUBLIC, and user tables are read as birthgate_reader alone.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA birthgate FROM PUBLIC;
REVOKE ALL ON SCHEMA birthgate FROM PUBLIC;

-- Owning a function takes CREATE on its schema, for as long as it changes hands.
GRANT CREATE ON SCHEMA birthgate TO birthgate_reader;
ALTER FUNCTION birthgate.rows_present(birthgate.collection, text[]) OWNER TO birthgate_reader;
ALTER FUNCTION birthgate.count_orphans() OWNER TO birthgate_reader;
ALTER FUNCTION birthgate.count_phantoms() OWNER TO birthgate_reader;
ALTER FUNCTION birthgate.reconcile_rows(text) OWNER TO birthgate_reader;
ALTER FUNCTION birthgate.count_not_born_in(text, text) OWNER TO birthgate_reader;
REVOKE CREATE ON SCHEMA birthgate FROM birthgate_reader;
GRANT EXECUTE ON FUNCTION birthgate.rows_present(birthgate.collection, text[]), birthgate.count_orphans(),
  birthgate.count_phantoms(), birthgate.reconcile_rows(text), birthgate.count_not_born_in(text, text) TO birthgate_owner;
