-- The handoff reads births and changes from outside; nothing of it stands in a birth's way. What its beginning and its
-- activation leave behind is an entry of the evidence log.
CREATE OR REPLACE FUNCTION birthgate.handoff_note(p_body jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  RETURN birthgate_evidence.note('handoff', p_body);
END
$$;
