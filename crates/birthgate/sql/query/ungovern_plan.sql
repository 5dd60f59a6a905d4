SELECT statement FROM birthgate.ungovern_plan($1) AS statement
