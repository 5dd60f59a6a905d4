CREATE UNIQUE INDEX CONCURRENTLY zz_birthgate_birth_retire_key ON {registry} (retire_permit_id) WHERE retire_permit_id IS NOT NULL;
