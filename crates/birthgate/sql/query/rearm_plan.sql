SELECT statement FROM birthgate.rearm_plan($1, $2::text::regclass, $3) AS statement
