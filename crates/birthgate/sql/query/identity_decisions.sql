SELECT collection_name, identity || coalesce(' of ' || alias_of, ''), entry FROM birthgate.identity_decision ORDER BY collection_name
