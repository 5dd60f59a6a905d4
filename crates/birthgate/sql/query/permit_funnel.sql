SELECT s.state, count(p.id)
  FROM unnest(ARRAY['REQUESTED', 'RESERVED', 'CONSUMED', 'FINALIZED', 'FAILED', 'EXPIRED', 'CANCELLED'])
       WITH ORDINALITY AS s(state, place)
  LEFT JOIN birthgate.birth_admission_permit p ON p.state = s.state
 GROUP BY s.state, s.place ORDER BY s.place
