-- Version 2: what an owner decided of a collection, and the baseline of the gate.

INSERT INTO birthgate.schema_version (version) VALUES (2);

-- What the entities of a collection are, as an owner signed it; entry is the decision's number in the evidence log.
CREATE TABLE birthgate.identity_decision (
  collection_name text PRIMARY KEY REFERENCES birthgate.collection ON DELETE CASCADE,
  identity        text NOT NULL CHECK (identity IN ('own', 'alias', 'excluded', 'retired')),
  alias_of        text,
  entry           bigint NOT NULL,
  decided_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  decided_by      text NOT NULL DEFAULT session_user,
  CHECK ((identity = 'alias') = (alias_of IS NOT NULL))
);

-- What enforces the gate, as it was found good: every object with every attribute, and of which server and life.
CREATE TABLE birthgate.baseline (
  only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  root        text NOT NULL,
  major       integer NOT NULL,
  incarnation text NOT NULL,
  instance    text NOT NULL,
  taken_at    timestamptz NOT NULL,
  taken_by    text NOT NULL,
  seen_at     timestamptz NOT NULL   -- when it was last found to hold
);
CREATE TABLE birthgate.baseline_object (
  object     text PRIMARY KEY,
  kind       text NOT NULL,
  hash       text NOT NULL,
  attributes jsonb NOT NULL
);
