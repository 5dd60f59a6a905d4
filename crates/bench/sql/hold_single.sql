INSERT INTO public.item (code, name) SELECT $1, 'an item' FROM birthgate.permit_hold('item', $1)
