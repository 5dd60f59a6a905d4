SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') AS pg_cron
