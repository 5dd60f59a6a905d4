SELECT coalesce(max(substr(entity_code, length($2) + 1)::bigint), 0) + 1 FROM birthgate.birth_registry
 WHERE collection_name = $1 AND starts_with(entity_code, $2) AND substr(entity_code, length($2) + 1) ~ '^[0-9]{1,18}$'
