SELECT statement FROM birthgate.unadopt_plan() AS statement
