-- Ten thousand permits, then ten thousand rows in one statement.
DO $$
DECLARE
  v_codes text[] := ARRAY(SELECT 'DOT-' || 10000 + g FROM generate_series(1, 10000) AS g);
BEGIN
  PERFORM birthgate.permit_reserve_many(birthgate.permit_request_many('dot_tools', v_codes));
  INSERT INTO public.dot_tools (code, name, domain, verb)
  SELECT code, 'dot-demo-' || lower(code), 'demo', lower(code) FROM unnest(v_codes) AS code;
END
$$;
