SELECT proname::text, oid, pg_get_functiondef(oid) FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace
   AND proname IN ('fn_birth_gate', 'fn_birth_registry_auto', 'fn_birth_registry_auto_id', 'fn_assert_safe_for_dot_action')
