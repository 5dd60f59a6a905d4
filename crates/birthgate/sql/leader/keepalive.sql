-- A leader whose machine is gone says nothing more: the server asks after it, and lets the lock go within ten seconds.
SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 4; SET idle_session_timeout = 0
