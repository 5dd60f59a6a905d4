-- The tables of the collections, partitions before their roots, with the sequences that go along with their columns.
SELECT k.collection_name, format('%I.%I', n.nspname, c.relname) AS name, r.oid = c.oid AS is_root, quote_ident(pg_get_userbyid(c.relowner)) AS owner,
       c.relrowsecurity AS row_security, birthgate.trust(c.oid::regclass) AS trust,
       ARRAY(SELECT format('%I.%I', sn.nspname, s.relname)
               FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
              WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') ORDER BY 1) AS sequences,
       ARRAY(SELECT DISTINCT coalesce(quote_ident(g.rolname), 'PUBLIC')
               FROM aclexplode(c.relacl) AS a LEFT JOIN pg_roles g ON g.oid = a.grantee
              WHERE a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner ORDER BY 1) AS trigger_grantees
  FROM unnest($1::text[]) WITH ORDINALITY AS k(collection_name, place)
  JOIN birthgate.collection g USING (collection_name)
  JOIN pg_class r ON r.oid = to_regclass(format('%I.%I', g.table_schema, g.table_name))
 CROSS JOIN LATERAL (SELECT r.oid AS relid, 0 AS level UNION SELECT relid, level FROM pg_partition_tree(r.oid) WHERE level > 0) AS p
  JOIN pg_class c ON c.oid = p.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY k.place, p.level DESC, 2
