SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, event, tag, object_type, object_identity, more, login, role, application,
       client, pid, xid, at >= coalesce((SELECT seen_at FROM birthgate.baseline), '-infinity') AS since_seen
  FROM birthgate.ddl_event WHERE at >= $1::timestamptz ORDER BY ddl_event.at DESC LIMIT 10000
