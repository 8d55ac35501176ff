-- What products cost where they are brought to another place of the household's than home, as it was told last.
CREATE TABLE price_elsewhere (
    merchant TEXT NOT NULL,
    sku TEXT NOT NULL,
    delivery_ref TEXT NOT NULL,
    unit_price_minor INTEGER NOT NULL,
    delivery_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    available INTEGER NOT NULL CHECK (available IN (0, 1)),
    fetched_ms INTEGER NOT NULL,
    PRIMARY KEY (merchant, sku, delivery_ref)
) STRICT;
