-- Admitting from psql: psql --variable ON_ERROR_STOP=1 --file admit.sql
\set VERBOSITY verbose

-- ANCHOR: admit
INSERT INTO dot_tools (code, name)
SELECT 'DOT-1', 'one' FROM birthgate.permit_hold('dot_tools', 'DOT-1');
-- ANCHOR_END: admit

-- ANCHOR: bulk
BEGIN;
SELECT birthgate.permit_reserve_many(birthgate.permit_request_many('dot_tools', ARRAY['DOT-2', 'DOT-3']));
INSERT INTO dot_tools (code, name) VALUES ('DOT-2', 'two'), ('DOT-3', 'three');
COMMIT;
-- ANCHOR_END: bulk

-- ANCHOR: made
INSERT INTO orders (note)
SELECT 'the first' FROM birthgate.permit_hold('orders', NULL) RETURNING id;
-- ANCHOR_END: made

-- ANCHOR: once
SELECT birthgate.admit('dot_tools', '{"code": "DOT-4", "name": "four"}', 'key');
SELECT birthgate.admit('dot_tools', '{"code": "DOT-4", "name": "four"}', 'key');  -- the same permit; nothing is inserted
-- ANCHOR_END: once

-- ANCHOR: upsert
WITH known AS (UPDATE dot_tools SET name = 'uno' WHERE code = 'DOT-1' RETURNING code)
INSERT INTO dot_tools (code, name)
SELECT 'DOT-1', 'uno' FROM birthgate.permit_hold('dot_tools', 'DOT-1') WHERE NOT EXISTS (SELECT FROM known);
-- ANCHOR_END: upsert
