SELECT prosrc ~ 'birthgate' FROM pg_catalog.pg_proc WHERE oid = 'public.fn_assert_safe_for_dot_action(text)'::regprocedure;
