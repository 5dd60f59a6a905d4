-- The objects of these names: `public.thing`, `table public.thing`, `function public.f` (every one of
-- that name) or `function public.f(text)`. Each name is taken apart once, and functions are looked up by their index. A
-- parenthesis within quotes is part of a name.
WITH name AS MATERIALIZED (
  SELECT name, kind, bare, CASE WHEN kind IN ('', 'function', 'procedure', 'aggregate') AND NOT has_arguments THEN parse_ident(bare) END AS parts, has_arguments
    FROM (SELECT n.*, regexp_replace(bare, '"([^"]|"")*"', '', 'g') ~ '\(' AS has_arguments FROM (SELECT name, coalesce(substring(name FROM '^(table|view|materialized view|sequence|function|procedure|aggregate|foreign table|type) '), '') AS kind,
                 regexp_replace(name, '^(table|view|materialized view|sequence|function|procedure|aggregate|foreign table|type) +', '') AS bare
            FROM unnest($1::text[]) AS name) AS n) AS n)
SELECT n.name, relation.oid AS relation, ARRAY(
         SELECT to_regprocedure(n.bare)::oid WHERE n.kind IN ('', 'function', 'procedure', 'aggregate') AND n.has_arguments AND to_regprocedure(n.bare) IS NOT NULL
          UNION ALL
         SELECT p.oid FROM pg_proc p
          WHERE cardinality(n.parts) = 2 AND p.proname = n.parts[2]::name AND p.pronamespace = to_regnamespace(quote_ident(n.parts[1]))) AS functions
  FROM name AS n
 CROSS JOIN LATERAL (SELECT CASE WHEN n.kind NOT IN ('function', 'procedure', 'aggregate') AND NOT n.has_arguments THEN to_regclass(n.bare)::oid END AS oid) AS relation
