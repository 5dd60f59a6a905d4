-- The last birth before one id, and the last change before another.
SELECT (SELECT max(id)::bigint FROM birthgate.birth_registry WHERE id < $1) AS birth, (SELECT max(id)::bigint FROM birthgate.registry_changelog WHERE id < $2) AS change
