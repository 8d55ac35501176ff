-- What the merchant tells of an order after it was placed, as the order service passes it on; NULL: not told.
-- `delivered_ms` and `returned_ms` are when the number of packs that came, or went back, last rose.
ALTER TABLE intent ADD COLUMN delivered_quantity INTEGER;
ALTER TABLE intent ADD COLUMN returned_quantity INTEGER;
ALTER TABLE intent ADD COLUMN refunded_minor INTEGER;
ALTER TABLE intent ADD COLUMN substitute_sku TEXT;
ALTER TABLE intent ADD COLUMN expected_on TEXT;
ALTER TABLE intent ADD COLUMN tracking_url TEXT;
ALTER TABLE intent ADD COLUMN delivered_ms INTEGER;
ALTER TABLE intent ADD COLUMN returned_ms INTEGER;

-- What a person said of an order that could not be made as it was (core.deciding.problem).
ALTER TABLE intent ADD COLUMN problem_word TEXT CHECK (problem_word IN ('mended', 'let_be'));
-- Why this hub took an order back by itself, where it did (core.withdrawing).
ALTER TABLE intent ADD COLUMN withdrawn_for TEXT;

-- Packs that went back to the merchant are said of a stock, too.
ALTER TABLE stock_event RENAME TO kept_stock_event;
DROP INDEX stock_event_by_item;
CREATE TABLE stock_event (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (
        kind IN ('corrected', 'scanned', 'bought_elsewhere', 'thrown_away', 'opened', 'delivered', 'sent_back')
    ),
    number REAL,
    at_ms INTEGER NOT NULL,
    said_by TEXT NOT NULL,
    cause TEXT UNIQUE,
    CHECK ((kind = 'opened') = (number IS NULL))
) STRICT;
INSERT INTO stock_event SELECT id, item, kind, number, at_ms, said_by, cause FROM kept_stock_event;
DROP TABLE kept_stock_event;
CREATE INDEX stock_event_by_item ON stock_event (item, id);
