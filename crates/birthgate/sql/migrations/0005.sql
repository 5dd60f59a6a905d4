-- Version 5: whose an adopted registry was before it became birthgate_owner's.

INSERT INTO birthgate.schema_version (version) VALUES (5);

ALTER TABLE birthgate.instance ADD COLUMN IF NOT EXISTS registry_owner text, ADD COLUMN IF NOT EXISTS changelog_owner text;
