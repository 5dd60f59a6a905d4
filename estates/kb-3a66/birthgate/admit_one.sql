INSERT INTO public.dot_tools (code, name, domain, verb)
SELECT 'DOT-9001', 'dot-demo-first', 'demo', 'first' FROM birthgate.permit_hold('dot_tools', 'DOT-9001')
