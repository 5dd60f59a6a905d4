-- Of which server and life this database is.
SELECT current_setting('server_version_num')::int / 10000 AS major, (SELECT incarnation::text FROM birthgate.instance) AS incarnation
