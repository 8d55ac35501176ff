-- What a merchant calls its usual price, and what a pack was taken for on the day of a price; NULL: not known.
ALTER TABLE price ADD COLUMN list_price_minor INTEGER;
ALTER TABLE price ADD COLUMN pack_title TEXT;
ALTER TABLE price ADD COLUMN pack_amount REAL;
ALTER TABLE price ADD COLUMN pack_unit TEXT;
ALTER TABLE price ADD COLUMN pack_gtin14 TEXT;

-- A product's history is its merchant's and article's, whatever item it was asked for.
CREATE INDEX price_by_product ON price (merchant, sku, id);
