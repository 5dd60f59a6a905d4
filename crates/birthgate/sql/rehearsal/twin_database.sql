-- What the copy's server and database must be like.
SELECT pg_export_snapshot() AS snapshot, pg_get_userbyid(d.datdba)::text AS owner, pg_get_userbyid(10)::text AS bootstrap,
       pg_encoding_to_char(d.encoding)::text AS encoding, d.datcollate::text AS lc_collate, d.datctype::text AS lc_ctype,
       coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale, to_jsonb(d) ->> 'daticurules' AS icu_rules,
       d.datconnlimit AS connection_limit, d.datistemplate AS is_template,
       (SELECT spcname::text FROM pg_tablespace t WHERE t.oid = d.dattablespace AND t.oid >= 16384) AS tablespace,
       shobj_description(d.oid, 'pg_database') AS comment, NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public') AS lacks_public,
       (SELECT count(*) FROM pg_class c WHERE c.oid >= 16384) AS relations,
       (SELECT count(*) FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p')) AS tables,
       current_setting('max_locks_per_transaction')::bigint * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint) AS locks,
       (SELECT array_agg(grants.statement ORDER BY grants.statement) FROM (
          SELECT format('GRANT %s ON DATABASE %I TO %s%s', x.privilege_type, d.datname, CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
                        CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
            FROM aclexplode(d.datacl) AS x) AS grants) AS grants
  FROM pg_database d WHERE d.datname = current_database()
