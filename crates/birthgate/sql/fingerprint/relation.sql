-- Tables, views, sequences and composite types with their columns. $1: the relations, or NULL for all. Options named pg_* are
-- the server's own: some minor releases stamp each column with a number that differs each time. The others are sorted, since
-- RESET and SET move them. The order of the columns is an attribute by itself, which an undo may leave changed.
WITH relation AS (
  SELECT c.*, n.nspname,
         CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                        WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'type' END AS kind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND c.oid >= 16384
     AND ($1::oid[] IS NOT NULL OR n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AND ($1::oid[] IS NULL OR c.oid = ANY ($1))),
live_column AS (
  SELECT a.* FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'),
columns AS (
  SELECT a.attrelid, jsonb_object_agg('column ' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attnotnull THEN 'NOT NULL' END,
           CASE WHEN a.attgenerated <> '' THEN 'GENERATED ' || a.attgenerated::text END,
           CASE WHEN d.adbin IS NOT NULL THEN 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END,
           CASE WHEN a.attidentity <> '' THEN 'IDENTITY ' || a.attidentity::text END,
           CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
                THEN (SELECT format('COLLATE %I.%I', n.nspname, c.collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) END,
           CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || a.attstorage::text END,
           CASE WHEN a.attcompression <> '' THEN 'COMPRESSION ' || a.attcompression::text END,
           CASE WHEN a.attstattarget >= 0 THEN 'STATISTICS ' || a.attstattarget END,
           CASE WHEN NOT a.attislocal THEN 'INHERITED' END,
           CASE WHEN a.attoptions IS NOT NULL THEN 'OPTIONS ' || nullif(ARRAY(SELECT o FROM unnest(a.attoptions) AS o WHERE o !~ '^pg_' ORDER BY o COLLATE "C")::text, '{}') END,
           CASE WHEN a.attfdwoptions IS NOT NULL THEN 'OPTIONS sha256 ' || encode(sha256(convert_to(a.attfdwoptions::text, 'UTF8')), 'hex') END,
           CASE WHEN a.attacl IS NOT NULL THEN 'ACL ' || (
             SELECT string_agg(entry, ',' ORDER BY entry COLLATE "C") FROM (
               SELECT format('%s=%s%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                             CASE WHEN x.is_grantable THEN '*' ELSE '' END) AS entry FROM aclexplode(a.attacl) AS x) AS entries) END,
           CASE WHEN c.description IS NOT NULL THEN 'COMMENT ' || c.description END))
           || jsonb_build_object('column order', string_agg(a.attname, ', ' ORDER BY a.attnum)) AS attributes
    FROM live_column a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_description c ON c.objoid = a.attrelid AND c.classoid = 'pg_class'::regclass AND c.objsubid = a.attnum
   GROUP BY a.attrelid)
SELECT r.kind, format('%I.%I', r.nspname, r.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object(
         'owner', pg_get_userbyid(r.relowner), 'persistence', r.relpersistence,
         'row security', CASE WHEN r.relrowsecurity THEN CASE WHEN r.relforcerowsecurity THEN 'forced' ELSE 'on' END
                              WHEN r.relforcerowsecurity THEN 'forced when on' END,
         'replica identity', CASE WHEN r.relreplident <> 'd' THEN r.relreplident END,
         'options', nullif(ARRAY(SELECT o FROM unnest(r.reloptions) AS o WHERE o !~ '^pg_' ORDER BY o COLLATE "C")::text, '{}'),
         'toast options', (SELECT nullif(ARRAY(SELECT o FROM unnest(t.reloptions) AS o WHERE o !~ '^pg_' ORDER BY o COLLATE "C")::text, '{}')
                             FROM pg_class t WHERE t.oid = r.reltoastrelid AND t.reloptions IS NOT NULL),
         'partition key', pg_get_partkeydef(r.oid),
         'partition bound', CASE WHEN r.relispartition THEN pg_get_expr(r.relpartbound, r.oid) END,
         'access method', CASE WHEN r.relkind IN ('r', 'm', 'p') THEN (SELECT amname FROM pg_am WHERE oid = r.relam) END,
         'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = r.reltablespace),
         'inherits', (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = r.oid),
         'detaching', CASE WHEN EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid AND i.inhdetachpending) THEN true END,
         -- Flags of the catalog by which the server passes over what is there: no command sets them so.
         'passes over', nullif(concat_ws(', ',
             CASE WHEN NOT r.relhastriggers AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = r.oid) THEN 'triggers' END,
             CASE WHEN NOT r.relhasindex AND EXISTS (SELECT FROM pg_index WHERE indrelid = r.oid) THEN 'indexes' END,
             CASE WHEN NOT r.relhasrules AND EXISTS (SELECT FROM pg_rewrite WHERE ev_class = r.oid) THEN 'rules' END,
             CASE WHEN NOT r.relhassubclass AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = r.oid) THEN 'children' END,
             CASE WHEN r.relchecks <> (SELECT count(*) FROM pg_constraint WHERE conrelid = r.oid AND contype = 'c') THEN 'checks' END,
             CASE WHEN EXISTS (SELECT FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                                WHERE d.adrelid = r.oid AND NOT a.atthasdef) THEN 'defaults' END,
             CASE WHEN r.relkind IN ('v', 'm') AND EXISTS (SELECT FROM pg_rewrite WHERE ev_class = r.oid AND rulename = '_RETURN' AND ev_enabled <> 'O')
                  THEN 'its query' END), ''),
         'definition', CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END,
         'populated', CASE WHEN r.relkind = 'm' THEN r.relispopulated::text END,
         'sequence', (SELECT concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
                        FROM pg_sequence s WHERE s.seqrelid = r.oid),
         'owned by', CASE WHEN r.relkind = 'S' THEN (
             SELECT format('%s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d
               JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
              WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
                AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0) END,
         'of type', CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END,
         'server', (SELECT s.srvname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = r.oid),
         'foreign options sha256', (SELECT encode(sha256(convert_to(f.ftoptions::text, 'UTF8')), 'hex') FROM pg_foreign_table f WHERE f.ftrelid = r.oid),
         'type acl', (
           SELECT (SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
             SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                           CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry FROM aclexplode(t.typacl) AS x) AS entries)
             FROM pg_type t WHERE t.oid = r.reltype AND t.typacl IS NOT NULL),
         'acl', CASE WHEN r.relkind <> 'c' THEN (
           SELECT string_agg(entry, ', ' ORDER BY entry COLLATE "C") FROM (
             SELECT format('%s=%s%s/%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type,
                           CASE WHEN x.is_grantable THEN '*' ELSE '' END, pg_get_userbyid(x.grantor)) AS entry
               FROM aclexplode(coalesce(r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", r.relowner))) AS x
              WHERE NOT (x.privilege_type = 'MAINTAIN' AND x.grantee = r.relowner)) AS entries) END,
         'comment', coalesce((SELECT description FROM pg_description WHERE objoid = r.oid AND classoid = 'pg_class'::regclass AND objsubid = 0),
                             CASE WHEN r.relkind = 'c' THEN obj_description(r.reltype, 'pg_type') END)))
       || coalesce(c.attributes, '{}') AS attributes
     , r.oid AS unit
  FROM relation r LEFT JOIN columns c ON c.attrelid = r.oid
