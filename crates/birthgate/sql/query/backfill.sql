SELECT last_key, seen, born FROM birthgate.backfill($1, $2, $3)
