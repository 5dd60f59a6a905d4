DROP INDEX CONCURRENTLY {schema}.zz_birthgate_birth_permit_key;
