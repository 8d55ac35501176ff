-- How many packs an order still is for, told once its merchant cancelled some of them; NULL: not told.
ALTER TABLE intent ADD COLUMN ordered_quantity INTEGER;
