-- What in this database reaches other servers or escapes its transaction by itself: extensions that
-- connect, functions in untrusted languages and in C of no extension, foreign tables.
SELECT format('the extension %I', extname) AS way FROM pg_extension
 WHERE extname IN ('dblink', 'http', 'pg_net', 'pg_cron', 'pg_background', 'pg_variables', 'plpython3u', 'plperlu', 'pltclu', 'plsh', 'aws_s3', 'aws_lambda', 'oracle_fdw', 'mysql_fdw', 'tds_fdw')
 UNION ALL
SELECT format('the function %s in %s', p.oid::regprocedure, l.lanname)
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid >= 16384 AND NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'sql')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 UNION ALL
SELECT format('the foreign table %s', ftrelid::regclass) FROM pg_foreign_table
 ORDER BY 1
