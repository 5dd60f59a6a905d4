SELECT entity_code, permit_id, outcome, coalesce(finalized_at >= $4, false) AS of_this_run
  FROM birthgate.admit_many($1, $2, $3) ORDER BY place
