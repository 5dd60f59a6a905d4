SELECT (SELECT count(*) FROM public.item),
       (SELECT count(*) FROM birthgate.birth_admission_permit WHERE state = 'FINALIZED'),
       (SELECT count(*) FROM birthgate.birth_registry WHERE status = 'finalized'),
       (SELECT count(*) FROM birthgate.birth_registry b
          JOIN birthgate.birth_admission_permit p ON p.id = b.permit_id AND p.entity_code = b.entity_code
          JOIN public.item i ON i.code = b.entity_code)
