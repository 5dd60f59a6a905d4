SELECT statement FROM birthgate.govern_plan($1, $2::text::regclass, $3::text[], $4, $5, $6, $7, $8, $9::text[], $10, $11::text[]) AS statement
