-- How long the transaction waits for a lock, in milliseconds: never until PostgreSQL looks for a deadlock, whose victim may be
-- anybody. It is let go before that, and asked for again.
SELECT set_config('lock_timeout', least($1::bigint, greatest(1, setting::bigint * 9 / 10))::text, true)
  FROM pg_settings WHERE name = 'deadlock_timeout'
