SELECT incarnation::text FROM birthgate.instance
