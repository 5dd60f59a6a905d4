SELECT to_json(clock_timestamp()) #>> '{}' AS now
