SELECT (SELECT count(*) FROM floor.item),
       (SELECT count(*) FROM floor.permit WHERE state = 'FINALIZED'),
       (SELECT count(*) FROM floor.birth WHERE status = 'finalized'),
       (SELECT count(*) FROM floor.birth b
          JOIN floor.permit p ON p.id = b.permit_id
          JOIN floor.item i ON i.code = b.entity_code)
