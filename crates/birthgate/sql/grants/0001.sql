-- What each role may do, granted once with version 1. A later `init` never grants again what somebody
-- has revoked.
GRANT USAGE ON SCHEMA birthgate TO birthgate_admitter, birthgate_registrar, birthgate_breakglass,
  birthgate_auditor, birthgate_reader;

-- Admitters ask for permits and spend them.
GRANT EXECUTE ON FUNCTION
  birthgate.permit_request_many(text, text[], text, text[], interval, text, text, text[], bytea[]),
  birthgate.permit_request(text, text, text, text, interval, text, text, text, bytea),
  birthgate.permit_request_row(text, jsonb, text),
  birthgate.permit_reserve_many(bigint[]), birthgate.permit_reserve(bigint),
  birthgate.permit_hold(text, text, text, text),
  birthgate.permit_end(bigint, text, text), birthgate.permit_cancel(bigint, text),
  birthgate.permit_fail(bigint, text), birthgate.permits_by_key(text[]), birthgate.prospects(text, text[], text[]),
  birthgate.admit(text, jsonb, text), birthgate.admit_many(text, jsonb, text[]), birthgate.collection_of(text), birthgate.entity_code(text, jsonb), birthgate.is_done(text),
  birthgate.end_entity(text, text, text, text, boolean), birthgate.children(birthgate.collection, text),
  birthgate.retire(text, text, text, boolean), birthgate.discard(text, text, text, boolean),
  birthgate.rename(text, text, text, text), birthgate.retire_phantom(bigint)
  TO birthgate_admitter, birthgate_registrar;
GRANT EXECUTE ON FUNCTION birthgate.reconcile_rows(text), birthgate.reconcile_permits(text)
  TO birthgate_registrar, birthgate_auditor;
GRANT EXECUTE ON FUNCTION birthgate.collection_of(text) TO birthgate_reader;
GRANT EXECUTE ON FUNCTION birthgate.fn_assert_safe_for_dot_action(text), birthgate.blocked_by(text)
  TO birthgate_admitter, birthgate_registrar, birthgate_auditor;
-- Registrars also sweep, and store what was counted.
GRANT EXECUTE ON FUNCTION birthgate.register(text, jsonb, text),
  birthgate.backfill(text, jsonb, bigint), birthgate.backfill_births(text, text[]), birthgate.acts_as(name, text),
  birthgate.permit_expire(bigint), birthgate.permit_archive(timestamptz, bigint), birthgate.block_observe(text, bigint, text),
  birthgate.names_missing(text, text, text[])
  TO birthgate_registrar;
GRANT SELECT ON birthgate.schema_version, birthgate.collection, birthgate.code_rule, birthgate.block_status, birthgate.birth_registry,
  birthgate.birth_admission_permit, birthgate.every_permit TO birthgate_admitter;
GRANT SELECT ON ALL TABLES IN SCHEMA birthgate TO birthgate_registrar, birthgate_auditor;

-- The reader sees what it counts with.
GRANT SELECT ON birthgate.collection, birthgate.birth_registry TO birthgate_reader;
-- What it counts with, it may also be asked to count directly.
GRANT EXECUTE ON FUNCTION birthgate.count_orphans(), birthgate.count_phantoms() TO birthgate_reader;
