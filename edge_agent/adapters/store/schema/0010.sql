-- A list that the household shops from has no prices: NULL, and never zero.
CREATE TABLE price_or_none (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    merchant TEXT NOT NULL,
    sku TEXT NOT NULL,
    unit_price_minor INTEGER,
    delivery_minor INTEGER CHECK ((delivery_minor IS NULL) = (unit_price_minor IS NULL)),
    currency TEXT NOT NULL,
    available INTEGER NOT NULL CHECK (available IN (0, 1)),
    fetched_ms INTEGER NOT NULL
) STRICT;
INSERT INTO price_or_none
    SELECT id, item, merchant, sku, unit_price_minor, delivery_minor, currency, available, fetched_ms FROM price;
DROP TABLE price;
ALTER TABLE price_or_none RENAME TO price;
CREATE INDEX price_by_item ON price (item, id);
