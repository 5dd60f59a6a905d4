-- The classic way around a deferred check: fire it early, then remove what it saw.
BEGIN;
INSERT INTO public.dot_tools (code, name, domain, verb)
SELECT 'DOT-9002', 'dot-demo-second', 'demo', 'second' FROM birthgate.permit_hold('dot_tools', 'DOT-9002');
SET CONSTRAINTS ALL IMMEDIATE;
DELETE FROM public.dot_tools WHERE code = 'DOT-9002';
COMMIT;
