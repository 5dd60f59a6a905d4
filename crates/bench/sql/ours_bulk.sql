SELECT birthgate.permit_reserve_many(birthgate.permit_request_many('item',
         ARRAY(SELECT format('B-%s', lpad(n::text, 9, '0')) FROM generate_series({from}, {to}) AS n)));
INSERT INTO public.item (code, name)
SELECT format('B-%s', lpad(n::text, 9, '0')), 'an item' FROM generate_series({from}, {to}) AS n;
