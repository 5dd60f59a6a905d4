SELECT birthgate.gate_drift_put(coalesce($1::text[], ARRAY(SELECT DISTINCT action FROM birthgate.block_rule)))
