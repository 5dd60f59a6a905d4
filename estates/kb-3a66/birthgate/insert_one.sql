INSERT INTO public.dot_tools (code, name, domain, verb) VALUES ('DOT-9001', 'dot-demo-first', 'demo', 'first')
