-- One number for each 64th of each catalog; the inner query is versions.sql.
SELECT catalog, reach, (object::bigint & 63)::int AS part, bit_xor(version) AS stamp FROM ({versions}) AS v GROUP BY catalog, reach, part
