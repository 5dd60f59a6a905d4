-- The version of each object in these catalogs ($1) and these parts of them ($2), or in all of both; the inner query is versions.sql. An
-- array a part: one row for each object would take longer than finding them.
SELECT catalog, part, array_agg(class) AS classes, array_agg(object) AS objects, array_agg(version) AS versions
  FROM (SELECT catalog, (object::bigint & 63)::int AS part, class, object, bit_xor(version) AS version FROM ({versions}) AS v
         WHERE ($1::oid[] IS NULL OR catalog = ANY ($1)) AND ($2::oid[] IS NULL OR object::bigint & 63 = ANY ($2::oid[]::bigint[])) AND class <> 0
         GROUP BY catalog, class, object) AS object
 GROUP BY catalog, part
