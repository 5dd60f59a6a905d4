SELECT birthgate.fn_assert_safe_for_dot_action($1)
