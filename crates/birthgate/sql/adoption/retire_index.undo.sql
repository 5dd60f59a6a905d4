DROP INDEX CONCURRENTLY {schema}.zz_birthgate_birth_retire_key;
