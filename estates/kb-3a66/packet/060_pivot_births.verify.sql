SELECT count(*) = 0 FROM public.pivot_definition d
 WHERE NOT EXISTS (SELECT FROM public.birth_registry b WHERE b.entity_code = d.code AND b.collection_name = 'pivot_definition');
SELECT count(*) = 5 FROM public.birth_registry b WHERE b.collection_name = 'pivot_definition'
   AND EXISTS (SELECT FROM public.birth_registry o WHERE o.entity_code = b.entity_code AND o.collection_name <> b.collection_name);
