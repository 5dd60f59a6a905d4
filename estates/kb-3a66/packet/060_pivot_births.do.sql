-- The five pivots whose code their source already bears.
INSERT INTO public.birth_registry (entity_code, collection_name)
SELECT d.code, 'pivot_definition' FROM public.pivot_definition d
 WHERE NOT EXISTS (SELECT FROM public.birth_registry b WHERE b.entity_code = d.code AND b.collection_name = 'pivot_definition')
 ORDER BY d.code;
