-- The hub's store. Times are integer milliseconds since 1970 UTC (`_ms`); money is integer minor units.
-- Rules live in core/; SQL only stores, and keeps apart what must never be the same twice.

-- One row a PUBLISH that was understood. The identity of a message with a sequence is (device, boot, seq).
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    profile TEXT NOT NULL,
    topic TEXT NOT NULL,
    boot TEXT,
    seq INTEGER,
    digest TEXT NOT NULL,
    event_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_identity ON message (device, boot, seq) WHERE seq IS NOT NULL;
CREATE INDEX message_redelivery ON message (topic, digest) WHERE seq IS NULL;

CREATE TABLE reading (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (id),
    device TEXT NOT NULL,
    signal TEXT NOT NULL,
    presence TEXT NOT NULL CHECK (presence IN ('value', 'unknown', 'not_applicable')),
    number REAL,
    text TEXT,
    unit TEXT NOT NULL,
    event_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX reading_by_signal ON reading (device, signal, id);

-- Up to which seq everything of one boot is stored; `first_seq` is the oldest that its device still held at first.
CREATE TABLE sequence (
    device TEXT NOT NULL,
    boot TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (device, boot)
) STRICT, WITHOUT ROWID;

-- `boot` and `seq` where the envelope was sound: such a message counts as stored for its device's cursor.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    device TEXT,
    boot TEXT,
    seq INTEGER,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    payload BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    digest TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX quarantine_redelivery ON quarantine (topic, digest);
CREATE INDEX quarantine_identity ON quarantine (device, boot, seq) WHERE seq IS NOT NULL;

CREATE TABLE device (
    device TEXT PRIMARY KEY,
    profile TEXT,
    firmware TEXT,
    boot TEXT,
    birth_ms INTEGER,
    online INTEGER CHECK (online IN (0, 1)),
    presence_ms INTEGER,
    seen_ms INTEGER
) STRICT, WITHOUT ROWID;

-- The fold of all readings of an item so far, as JSON of core.estimate.StockState.
CREATE TABLE stock (
    item TEXT PRIMARY KEY,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE price (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    merchant TEXT NOT NULL,
    sku TEXT NOT NULL,
    unit_price_minor INTEGER NOT NULL,
    delivery_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    available INTEGER NOT NULL CHECK (available IN (0, 1)),
    fetched_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX price_by_item ON price (item, id);

CREATE TABLE prompt (
    id TEXT PRIMARY KEY,
    item TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    offer TEXT NOT NULL,
    terms_hash TEXT NOT NULL,
    days_of_cover REAL NOT NULL,
    order_by_ms INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    wake_ms INTEGER,
    answered_by TEXT,
    decline_reason TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX prompt_one_live ON prompt (item) WHERE state IN ('open', 'snoozed');

-- The household's leave: exactly one for an intent, its nonce never used again.
CREATE TABLE authority (
    intent TEXT PRIMARY KEY REFERENCES intent (id) DEFERRABLE INITIALLY DEFERRED,
    prompt TEXT NOT NULL UNIQUE REFERENCES prompt (id),
    kind TEXT NOT NULL CHECK (kind IN ('approval', 'draw')),
    signer TEXT NOT NULL,
    terms BLOB NOT NULL,
    signature BLOB NOT NULL,
    nonce TEXT NOT NULL UNIQUE,
    granted_ms INTEGER NOT NULL,
    not_after_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reservation (
    intent TEXT PRIMARY KEY REFERENCES intent (id) DEFERRABLE INITIALLY DEFERRED,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'spent', 'released')),
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE intent (
    id TEXT PRIMARY KEY,
    prompt TEXT NOT NULL UNIQUE REFERENCES prompt (id),
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
-- One live order per need; the states are core.intent.LIVE.
CREATE UNIQUE INDEX intent_one_live ON intent (item) WHERE state IN (
    'approved', 'held', 'sending', 'placed', 'needs_buyer', 'unknown', 'not_placed', 'parked', 'shipped',
    'partly_delivered'
);

-- Bodies frozen at approval. A row leaves only when the bridge has answered for it.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    intent TEXT NOT NULL UNIQUE REFERENCES intent (id),
    body BLOB NOT NULL,
    body_sha256 TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT
) STRICT;

-- How far the bridge's order events were applied.
CREATE TABLE cursor (
    source TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Hash-chained: hash = SHA-256(prev_hash || event).
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    event TEXT NOT NULL
) STRICT;

-- Every message that left the home: why, to whom, how much. Bodies are not repeated here.
CREATE TABLE egress (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    recipient TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) STRICT;

CREATE TABLE account (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member', 'guest')),
    password_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    token_hash TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name),
    csrf TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE failed_login (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX failed_login_by_name ON failed_login (name, at_ms);
