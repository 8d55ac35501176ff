-- What Open Food Facts tells of products, as a hint. `hint` NULL: it was asked, and has no such product.
CREATE TABLE product_hint (
    gtin INTEGER PRIMARY KEY,
    hint TEXT,
    changed_ms INTEGER,
    source TEXT NOT NULL CHECK (source IN ('file', 'online')),
    kept_ms INTEGER NOT NULL
) STRICT;
-- The page that tells what is held counts by it, and finds the oldest row: a file can bring hundreds of thousands.
CREATE INDEX product_hint_kept ON product_hint (kept_ms);
