-- Another text whenever something was written down since, also by a transaction that began long ago and has just ended.
SELECT concat(extract(epoch FROM max(at)), ' ', md5(string_agg(id::text, '' ORDER BY id)))
  FROM (SELECT id, at FROM birthgate.ddl_event ORDER BY at DESC LIMIT 100) AS newest HAVING count(*) > 0
