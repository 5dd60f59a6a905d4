-- The server's own superuser gets out of the way: what is restored as postgres's is then not everything's.
ALTER ROLE postgres RENAME TO birthgate_bootstrap;
CREATE ROLE postgres SUPERUSER LOGIN;
