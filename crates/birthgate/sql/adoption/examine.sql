-- What a registry is made of: each column that Birthgate needs, as it is there, or what may be meant by another name.
WITH t AS (SELECT c.oid, c.relkind, c.relrowsecurity, n.nspname, format('%I.%I', n.nspname, c.relname) AS name, quote_ident(n.nspname) AS schema
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)),
needed (name, likely, types) AS (VALUES
  ('id', ARRAY['birth_id', 'pk', 'registry_id'], ARRAY['bigint', 'integer', 'smallint']),
  ('entity_code', ARRAY['code', 'entity', 'key', 'entity_key', 'entity_id'], ARRAY['text', 'character varying']),
  ('collection_name', ARRAY['collection', 'kind', 'type', 'entity_type', 'table_name', 'domain'], ARRAY['text', 'character varying']),
  ('status', ARRAY['state'], ARRAY['text', 'character varying']),
  ('born_at', ARRAY['created_at', 'created', 'date_created', 'registered_at', 'inserted_at'], ARRAY['timestamp with time zone']))
SELECT t.name, t.schema, t.relkind = 'r' AS is_table, t.relrowsecurity AS row_security, needed.name AS needed, format_type(a.atttypid, NULL) AS type,
       a.attname IS NOT NULL AND split_part(format_type(a.atttypid, NULL), '(', 1) = ANY (needed.types) AS fits, needed.types[1] AS wanted,
       (SELECT string_agg(quote_ident(o.attname), ', ' ORDER BY array_position(needed.likely, o.attname::text)) FROM pg_attribute o
         WHERE o.attrelid = t.oid AND o.attnum > 0 AND NOT o.attisdropped AND o.attname = ANY (needed.likely)) AS likely,
       ARRAY(SELECT quote_ident(k.attname) FROM pg_attribute k WHERE k.attrelid = t.oid AND k.attnum > 0 AND NOT k.attisdropped
                AND k.attname IN ('origin', 'permit_id', 'born_xid', 'incarnation', 'finalized_at', 'retired_at', 'retire_permit_id', 'renamed_to')) AS taken
  FROM t CROSS JOIN needed LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = needed.name AND a.attnum > 0 AND NOT a.attisdropped
