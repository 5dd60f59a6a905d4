SELECT mode = 'enforce' AND finalize = 'required' FROM birthgate.collection WHERE collection_name = 'dot_tools';
SELECT count(*) = 0 FROM pg_catalog.pg_trigger WHERE tgrelid = 'public.dot_tools'::regclass AND tgname = 'trg_birth_gate';
SELECT pattern ~ 'dot-' FROM birthgate.code_rule WHERE collection_name = 'dot_tools';
