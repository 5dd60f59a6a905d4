-- Indexes; $1: the relations they stand on, or NULL for all.
SELECT 'index' AS kind, format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object('on', i.indrelid::regclass::text,
         'definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'ready', i.indisready, 'live', i.indislive,
         'unique', i.indisunique, 'immediate', i.indimmediate, 'primary', i.indisprimary,
         'clustered', CASE WHEN i.indisclustered THEN true END, 'replica identity', CASE WHEN i.indisreplident THEN true END,
         'owner', pg_get_userbyid(c.relowner),
         'statistics', (SELECT string_agg(concat(a.attnum, ' ', a.attstattarget), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0),
         'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace),
         'partition of', (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid),
         'comment', obj_description(c.oid, 'pg_class'))) AS attributes
     , i.indrelid AS unit
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid >= 16384 AND ($1::oid[] IS NOT NULL OR n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AND ($1::oid[] IS NULL OR i.indrelid = ANY ($1))
