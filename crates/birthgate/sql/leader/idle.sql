-- A leader that hangs, or whose machine is gone, asks nothing more. Its kernel may answer keepalives for ever: so the server ends a
-- session that is silent for so long, and the lock with it.
SET idle_session_timeout = '7s'
