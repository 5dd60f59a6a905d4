-- Puts the log on disk as far as it is written: a server with nothing to commit may leave it for many seconds. The message is empty;
-- only its commit counts.
SELECT pg_logical_emit_message(true, 'birthgate', '')::text
