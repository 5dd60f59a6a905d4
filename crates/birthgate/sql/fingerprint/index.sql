-- Indexes; $1: the relations they stand on, or NULL for all. Options named pg_* are the server's own: they are taken out of the
-- definition, with the name of an operator class that stands there only since it has such options.
SELECT 'index' AS kind, format('%I.%I', n.nspname, c.relname) AS identity,
       jsonb_strip_nulls(jsonb_build_object('on', i.indrelid::regclass::text,
         'definition', CASE WHEN own.options IS NULL THEN pg_get_indexdef(i.indexrelid)
                            ELSE regexp_replace(pg_get_indexdef(i.indexrelid), format('( WITH%2$s)? \((%1$s)(, (%1$s))*\)|, (%1$s)|(%1$s), ', own.options, own.classes), '', 'g') END,
         'valid', i.indisvalid, 'ready', i.indisready, 'live', i.indislive,
         'unique', i.indisunique, 'immediate', i.indimmediate, 'primary', i.indisprimary,
         'clustered', CASE WHEN i.indisclustered THEN true END, 'replica identity', CASE WHEN i.indisreplident THEN true END,
         'owner', pg_get_userbyid(c.relowner),
         'statistics', (SELECT string_agg(concat(a.attnum, ' ', a.attstattarget), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0),
         'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace),
         'partition of', (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid),
         'comment', obj_description(c.oid, 'pg_class'))) AS attributes
     , i.indrelid AS unit
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
    SELECT string_agg(regexp_replace(concat(quote_ident(o.name), '=', CASE quote_ident(o.value) WHEN o.value THEN o.value ELSE quote_literal(o.value) END),
                                     '([^\w ])', '\\\1', 'g'), '|') AS options,
           string_agg(DISTINCT regexp_replace('| ' || o.class, '([^\w |])', '\\\1', 'g'), '') AS classes
      FROM (SELECT split_part(x, '=', 1) AS name, substr(x, strpos(x, '=') + 1) AS value, NULL AS class FROM unnest(c.reloptions) AS x
             UNION ALL
            SELECT split_part(x, '=', 1), substr(x, strpos(x, '=') + 1), (SELECT quote_ident(k.opcname) FROM pg_opclass k WHERE k.oid = i.indclass[a.attnum - 1] AND k.opcdefault)
              FROM pg_attribute a, unnest(a.attoptions) AS x WHERE a.attrelid = c.oid) AS o
     WHERE o.name ~ '^pg_') AS own
 WHERE c.oid >= 16384 AND ($1::oid[] IS NOT NULL OR n.nspname !~ '^pg_(toast|temp|toast_temp)(_|$)') AND ($1::oid[] IS NULL OR i.indrelid = ANY ($1))
