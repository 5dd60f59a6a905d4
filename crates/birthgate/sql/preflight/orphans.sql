SELECT coalesce(sum(count), 0)::bigint AS count FROM birthgate.reconcile_rows($1) WHERE finding = $2
