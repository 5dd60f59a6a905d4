-- What was there before, in small transactions.
DO $$
DECLARE
  v_upto bigint := (SELECT max(id) FROM birthgate.birth_registry);
  v_after bigint := (SELECT min(id) - 1 FROM birthgate.birth_registry);
BEGIN
  WHILE v_after IS NOT NULL LOOP
    v_after := birthgate.copy_births(v_after, v_upto);
    COMMIT;
  END LOOP;
END
$$;
