-- The last birth and the last change before whatever happened at or after a time; NULL where there is none before it.
SELECT (SELECT max(id)::bigint FROM birthgate.birth_registry
         WHERE id < coalesce((SELECT min(id) FROM birthgate.birth_registry WHERE born_at >= $1), 9223372036854775807)) AS birth,
       (SELECT max(id)::bigint FROM birthgate.registry_changelog
         WHERE id < coalesce((SELECT min(id) FROM birthgate.registry_changelog WHERE changed_at >= $1), 9223372036854775807)) AS change
