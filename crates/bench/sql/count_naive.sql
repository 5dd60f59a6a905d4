SELECT (SELECT count(*) FROM naive.item),
       (SELECT count(*) FROM naive.permit WHERE state = 'FINALIZED'),
       (SELECT count(*) FROM naive.birth WHERE status = 'finalized'),
       (SELECT count(*) FROM naive.birth b
          JOIN naive.permit p ON p.id = b.permit_id AND p.entity_code = b.entity_code
          JOIN naive.item i ON i.code = b.entity_code)
