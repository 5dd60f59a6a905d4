-- Version 3: the handoff. It adds no table and no trigger.

INSERT INTO birthgate.schema_version (version) VALUES (3);
