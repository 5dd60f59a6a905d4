-- What was there before, in small transactions; smaller ones where somebody holds one of those births, so that little is done in vain.
DO $$
DECLARE
  v_upto bigint := (SELECT max(id) FROM birthgate.birth_registry);
  v_after bigint := (SELECT min(id) - 1 FROM birthgate.birth_registry);
  v_last bigint;
  v_most integer := 1000;
BEGIN
  WHILE v_after IS NOT NULL LOOP
    v_last := birthgate.copy_births(v_after, v_upto, v_most);
    COMMIT;
    v_most := CASE WHEN v_last = v_after THEN greatest(v_most / 10, 1) ELSE least(v_most * 10, 1000) END;
    v_after := v_last;
  END LOOP;
END
$$;
