SELECT name FROM birthgate.names_missing($1, $2, $3) AS name ORDER BY name
