-- Nobody needs it any more.
DO $$
BEGIN
  EXECUTE format('REVOKE CREATE ON DATABASE %I FROM birthgate_restorer', current_database());
END
$$;
ALTER ROLE birthgate_restorer NOLOGIN NOBYPASSRLS;
