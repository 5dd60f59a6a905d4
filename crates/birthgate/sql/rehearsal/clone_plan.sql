-- The statements that make an exact clone of a table, in their order. Those that are to be redirected name the
-- original where the clone is meant. Under the pinned settings, so that every name has its schema.
WITH source AS (
  SELECT c.*, n.nspname, format('%I.%I', n.nspname, c.relname) AS name, format('pg_temp.%I', c.relname) AS clone
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid),
owned AS (
  SELECT s.oid, s.relname, sn.nspname, a.attname, d.deptype, q.*
    FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_sequence q ON q.seqrelid = s.oid JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid AND d.deptype IN ('a', 'i')),
statement (place, redirected, text) AS (
  SELECT 10, false, format('CREATE TEMP SEQUENCE %I AS %s INCREMENT %s MINVALUE %s MAXVALUE %s START %s CACHE %s %s', relname, format_type(seqtypid, NULL),
           seqincrement, seqmin, seqmax, seqstart, seqcache, CASE WHEN seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END)
    FROM owned WHERE deptype = 'a'
   UNION ALL
  SELECT 20, false, format('CREATE TEMP TABLE %I (LIKE %s INCLUDING ALL EXCLUDING INDEXES)%s ON COMMIT DROP', relname, name,
           (SELECT format(' WITH (%s)', string_agg(o, ', '))
              FROM (SELECT unnest(reloptions) AS o UNION ALL SELECT 'toast.' || unnest(t.reloptions) FROM pg_class t WHERE t.oid = source.reltoastrelid) AS options
             WHERE o !~ '^(toast[.])?pg_' HAVING count(*) > 0)) FROM source
   UNION ALL
  SELECT 30, true, format('ALTER TABLE %s ALTER %I SET DEFAULT %s', s.name, a.attname, pg_get_expr(d.adbin, d.adrelid))
    FROM source s JOIN pg_attribute a ON a.attrelid = s.oid JOIN pg_attrdef d ON d.adrelid = s.oid AND d.adnum = a.attnum
   WHERE a.attgenerated = '' AND a.attname IN (SELECT attname FROM owned WHERE deptype = 'a')
   UNION ALL
  SELECT 31, true, format('ALTER SEQUENCE %I.%I OWNED BY %s.%I', o.nspname, o.relname, s.name, o.attname) FROM owned o, source s WHERE deptype = 'a'
   UNION ALL
  SELECT 40, false, format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM ONLY %3$s', clone,
           (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
             WHERE attrelid = source.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''), name)
    FROM source WHERE EXISTS (SELECT FROM pg_attribute WHERE attrelid = source.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '')
   UNION ALL
  SELECT 50, false, CASE deptype WHEN 'a' THEN format('SELECT setval(%L, last_value, is_called) FROM %I.%I', format('pg_temp.%I', o.relname), o.nspname, o.relname)
                       ELSE format('SELECT setval(pg_get_serial_sequence(%L, %L), last_value, is_called) FROM %I.%I', s.clone, o.attname, o.nspname, o.relname) END
    FROM owned o, source s
   UNION ALL
  SELECT 60, true, pg_get_indexdef(i.indexrelid) FROM pg_index i
   WHERE i.indrelid = $1::oid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
   UNION ALL
  SELECT CASE WHEN k.contype = 'f' THEN 71 ELSE 70 END, true, format('ALTER TABLE %s ADD CONSTRAINT %I %s', s.name, k.conname, pg_get_constraintdef(k.oid))
    FROM source s JOIN pg_constraint k ON k.conrelid = s.oid WHERE k.contype IN ('p', 'u', 'x', 'f')
   UNION ALL
  SELECT DISTINCT 80, true, pg_get_functiondef(p.oid) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
   WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal AND p.oid >= 16384
   UNION ALL
  SELECT 90, true, pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal
   UNION ALL
  SELECT 91, true, format('ALTER TABLE %s %s TRIGGER %I', s.name, CASE t.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END, t.tgname)
    FROM source s JOIN pg_trigger t ON t.tgrelid = s.oid WHERE NOT t.tgisinternal AND t.tgenabled <> 'O'
   UNION ALL
  SELECT 100, false, format('ALTER TABLE %s OWNER TO %I', clone, pg_get_userbyid(relowner)) FROM source WHERE relowner <> current_user::regrole
   UNION ALL
  SELECT 101, false, format('REVOKE ALL ON %s FROM %I', clone, pg_get_userbyid(relowner)) FROM source WHERE relacl IS NOT NULL
   UNION ALL
  SELECT 102, false, format('GRANT %s ON %s TO %s%s', x.privilege_type, s.clone, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
           CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM source s, aclexplode(s.relacl) AS x
   UNION ALL
  SELECT 103, false, format('GRANT %s (%I) ON %s TO %s%s', x.privilege_type, a.attname, s.clone, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
           CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM source s JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped, aclexplode(a.attacl) AS x
   UNION ALL
  SELECT 110, false, format('ANALYZE %s', clone) FROM source)
SELECT redirected, text FROM statement ORDER BY place, text
