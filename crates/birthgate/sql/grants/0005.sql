-- What each role may do, granted once with version 5. The functions that count became birthgate_owner's.
GRANT EXECUTE ON FUNCTION birthgate.count_orphans(), birthgate.count_phantoms() TO birthgate_reader;
GRANT EXECUTE ON FUNCTION birthgate.block_count(text) TO birthgate_registrar;
-- Whoever admits, backfills or compares names looks at the table with their own privileges.
GRANT EXECUTE ON FUNCTION birthgate.columns_of_json(birthgate.collection, text[]), birthgate.keep_plain(birthgate.collection, text[], boolean),
  birthgate.check_plain(birthgate.collection, text[]), birthgate.keep_table(oid), birthgate.replaceable(oid, boolean), birthgate.is_lesser(oid),
  birthgate.key_columns(regclass, text[]), birthgate.check_superuser(birthgate.collection) TO birthgate_admitter, birthgate_registrar;
