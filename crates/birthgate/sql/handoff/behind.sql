-- How much there is after a cursor, and when the oldest of it came to be.
SELECT (SELECT count(*) FROM birthgate.birth_registry WHERE id > $1) AS births,
       (SELECT count(*) FROM birthgate.registry_changelog WHERE id > $2) AS changes,
       least((SELECT born_at::timestamptz FROM birthgate.birth_registry WHERE id > $1 ORDER BY id LIMIT 1),
             (SELECT changed_at::timestamptz FROM birthgate.registry_changelog WHERE id > $2 ORDER BY id LIMIT 1)) AS oldest
