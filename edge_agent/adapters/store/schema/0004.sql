-- What people and deliveries say of a stock: folded with the readings, in the order of their numbers.

CREATE TABLE stock_event (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('corrected', 'scanned', 'bought_elsewhere', 'thrown_away', 'opened', 'delivered')),
    number REAL,
    at_ms INTEGER NOT NULL,
    said_by TEXT NOT NULL,
    cause TEXT UNIQUE,
    CHECK ((kind = 'opened') = (number IS NULL))
) STRICT;
CREATE INDEX stock_event_by_item ON stock_event (item, id);
