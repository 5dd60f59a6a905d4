-- The objects of these names: `public.thing`, `table public.thing`, `function public.f` (every one of
-- that name) or `function public.f(text)`.
SELECT n.name, relation.oid AS relation, ARRAY(
         SELECT p.oid FROM pg_proc p WHERE n.kind IN ('', 'function', 'procedure', 'aggregate')
            AND p.oid = CASE WHEN n.bare ~ '\(' THEN to_regprocedure(n.bare) END
          UNION
         SELECT p.oid FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace
          WHERE n.kind IN ('', 'function', 'procedure', 'aggregate') AND n.bare !~ '\(' AND cardinality(parse_ident(n.bare)) = 2
            AND ARRAY[s.nspname, p.proname]::text[] = parse_ident(n.bare)) AS functions
  FROM (SELECT name, coalesce(substring(name FROM '^(table|view|materialized view|sequence|function|procedure|aggregate|foreign table|type) '), '') AS kind,
               regexp_replace(name, '^(table|view|materialized view|sequence|function|procedure|aggregate|foreign table|type) +', '') AS bare
          FROM unnest($1::text[]) AS name) AS n
 CROSS JOIN LATERAL (SELECT CASE WHEN n.kind NOT IN ('function', 'procedure', 'aggregate') AND n.bare !~ '\(' THEN to_regclass(n.bare)::oid END AS oid) AS relation
