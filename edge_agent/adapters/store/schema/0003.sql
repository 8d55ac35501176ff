-- Trust: the sealed end of the audit chain, the clock, what the bridge is known to have, and the ledger of what left.

-- The end of the chain, kept a second time under the household's secret: a cut or rewritten chain does not fit it.
CREATE TABLE audit_end (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    mac TEXT NOT NULL
) STRICT;

-- What older rows were folded into: where they ended, and how many of each kind there were (JSON).
CREATE TABLE audit_checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    counts TEXT NOT NULL,
    mac TEXT NOT NULL
) STRICT;

-- The greatest time that this hub ever reached.
CREATE TABLE clock (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    high_water_ms INTEGER NOT NULL
) STRICT;

-- What the merchant can tell after a lost answer (wire.PriceList.merchant_class), as the bridge last said.
CREATE TABLE merchant (
    merchant TEXT PRIMARY KEY,
    class TEXT NOT NULL CHECK (class IN ('A', 'B', 'C')),
    told_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger of what left the home: bodies byte by byte while they are kept, each row linked to the one before it.
ALTER TABLE egress ADD COLUMN body BLOB;
ALTER TABLE egress ADD COLUMN prev_hash TEXT;
ALTER TABLE egress ADD COLUMN hash TEXT;

-- The greatest number of this hub's intents that the bridge is known to have, and the one that the next must exceed.
CREATE TABLE handover (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    acknowledged INTEGER NOT NULL,
    floor INTEGER NOT NULL
) STRICT;

-- An intent that is taken over from the bridge, after this store was restored, has no prompt here: the same table without
-- that reference. Its rows stand aside while it is made anew, and what refers to them waits for the end.
PRAGMA defer_foreign_keys = ON;
CREATE TEMP TABLE kept_intent AS SELECT * FROM intent;
DROP TABLE intent;
CREATE TABLE intent (
    id TEXT PRIMARY KEY,
    prompt TEXT NOT NULL UNIQUE,
    item TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    merchant TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    amount REAL NOT NULL,
    total_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    merchant_order_id TEXT,
    charged_minor INTEGER,
    detail TEXT,
    handoff_url TEXT,
    arrived_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX intent_one_live ON intent (item) WHERE state IN (
    'approved', 'held', 'sending', 'placed', 'needs_buyer', 'unknown', 'not_placed', 'parked', 'shipped',
    'partly_delivered'
);
INSERT INTO intent SELECT
    id, prompt, item, state, version, merchant, quantity, amount, total_minor, currency, created_ms, changed_ms,
    merchant_order_id, charged_minor, detail, handoff_url, arrived_ms
FROM kept_intent;
DROP TABLE kept_intent;

-- What old readings were summed up in, by the UTC day of their event, before their rows went.
CREATE TABLE reading_summary (
    device TEXT NOT NULL,
    signal TEXT NOT NULL,
    unit TEXT NOT NULL,
    day TEXT NOT NULL,
    readings INTEGER NOT NULL,
    numbers INTEGER NOT NULL,
    total REAL,
    low REAL,
    high REAL,
    PRIMARY KEY (device, signal, unit, day)
) STRICT, WITHOUT ROWID;

-- Which messages those were: runs of seq, so that one that comes again is still known; others by number only.
CREATE TABLE message_summary (
    device TEXT NOT NULL,
    boot TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (device, boot, first_seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE unsequenced_summary (
    device TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
