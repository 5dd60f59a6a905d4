CREATE UNIQUE INDEX CONCURRENTLY zz_birthgate_birth_permit_key ON {registry} (permit_id) WHERE permit_id IS NOT NULL;
