-- Version 4: what the DDL guard recorded. No sequence, so that a change that is rolled back leaves no gap behind.

INSERT INTO birthgate.schema_version (version) VALUES (4);

-- One object that a command created, changed, dropped or rewrote, and who did it.
CREATE TABLE birthgate.ddl_event (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  event           text NOT NULL,
  tag             text NOT NULL,
  object_type     text,
  object_identity text,    -- NULL: the command does not say, as GRANT
  more            bigint,  -- so many objects more than were written down
  login           text NOT NULL DEFAULT session_user,
  role            text NOT NULL,  -- as which it acted, as far as SET ROLE tells
  application     text,
  client          text,
  pid             integer NOT NULL DEFAULT pg_backend_pid(),
  xid             text NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX ddl_event_at ON birthgate.ddl_event (at);
