-- What stands on packs that are here (a batch, dates), as a stock event; goods may go back. Rows keep their numbers.
ALTER TABLE stock_event RENAME TO kept_stock_event;
DROP INDEX stock_event_by_item;
CREATE TABLE stock_event (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN (
        'corrected', 'scanned', 'bought_elsewhere', 'thrown_away', 'opened', 'delivered', 'sent_back', 'labelled'
    )),
    number REAL,
    at_ms INTEGER NOT NULL,
    said_by TEXT NOT NULL,
    cause TEXT UNIQUE,
    gtin14 TEXT,
    batch TEXT,
    best_before TEXT,
    use_by TEXT,
    CHECK ((kind = 'opened') = (number IS NULL)),
    CHECK ((kind = 'labelled') = (gtin14 IS NOT NULL) AND (kind = 'labelled') = (batch IS NOT NULL))
) STRICT;
INSERT INTO stock_event (id, item, kind, number, at_ms, said_by, cause)
    SELECT id, item, kind, number, at_ms, said_by, cause FROM kept_stock_event;
DROP TABLE kept_stock_event;
CREATE INDEX stock_event_by_item ON stock_event (item, id);
CREATE INDEX stock_event_labelled ON stock_event (id) WHERE kind = 'labelled';

-- Goods that are called back. `batch` "": all of them; `until`: only what keeps until that day or less; NULL: all.
CREATE TABLE recall (
    id TEXT PRIMARY KEY,
    gtin14 TEXT NOT NULL,
    batch TEXT NOT NULL,
    until TEXT,
    text TEXT NOT NULL,
    source TEXT NOT NULL,
    filed_by TEXT NOT NULL,
    filed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was done about it with one item, and when: what comes after that counts anew.
CREATE TABLE recall_done (
    recall TEXT NOT NULL REFERENCES recall (id),
    item TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('thrown_away', 'sent_back', 'not_affected')),
    done_by TEXT NOT NULL,
    done_ms INTEGER NOT NULL,
    PRIMARY KEY (recall, item)
) STRICT, WITHOUT ROWID;

-- Who was told of which, over what: once.
CREATE TABLE recall_told (
    recall TEXT NOT NULL REFERENCES recall (id),
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (recall, person, channel)
) STRICT, WITHOUT ROWID;
