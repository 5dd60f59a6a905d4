-- What went wrong in the estate, done as it was done: by ordinary statements.

-- Five pivot definitions were given the code of their source. The source is already born under
-- it, so the birth trigger passed over them: five orphans that cannot be born while the code
-- alone is the key.
INSERT INTO public.pivot_definition (code, source_code, name, layout, date_created, updated_at)
SELECT s.code, s.code, s.name || ', default layout', '{"rows": [], "totals": true}',
       timestamptz '2026-04-20 14:05+00', timestamptz '2026-04-20 14:05+00'
FROM public.pivot_source s
WHERE s.code IN ('PV-002', 'PV-003', 'PV-005', 'PV-008', 'PV-013')
ORDER BY s.code;

-- A source changed and its definition, PD-017, did not follow.
UPDATE public.pivot_source SET updated_at = timestamptz '2026-05-18 09:30+00'
WHERE code = 'PV-017';

-- Six rows were deleted by hand. Their births stay, with no way to retire them: six phantoms.
DELETE FROM public.information_unit
WHERE code IN ('IU-0000113', 'IU-0000377', 'IU-0000842', 'IU-0001306');
DELETE FROM public.knowledge_document WHERE code IN ('KD-0000059', 'KD-0000271');
