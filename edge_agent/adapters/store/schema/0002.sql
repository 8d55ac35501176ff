-- Leave in full: people with limits and PINs, two people, mandates, one ledger of money, receipts, hand-over numbers.

-- An account may be a child's, and may have a PIN. Sessions stand aside while the table is made anew.
CREATE TEMP TABLE kept_session AS SELECT token_hash, account, csrf, created_ms, expires_ms FROM session;
DROP TABLE session;
CREATE TABLE account_new (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member', 'guest', 'child')),
    password_hash TEXT NOT NULL,
    pin_hash TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO account_new (name, role, password_hash) SELECT name, role, password_hash FROM account;
DROP TABLE account;
ALTER TABLE account_new RENAME TO account;
CREATE TABLE session (
    token_hash TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (name),
    csrf TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO session SELECT token_hash, account, csrf, created_ms, expires_ms FROM kept_session;
DROP TABLE kept_session;

-- Who may approve how much: the document as the household's key signed it. The newest number holds.
CREATE TABLE policy (
    number INTEGER PRIMARY KEY,
    document BLOB NOT NULL,
    signature BLOB NOT NULL,
    set_by TEXT NOT NULL,
    set_ms INTEGER NOT NULL
) STRICT;
-- What the audit log last said of the policy, found without reading the log.
CREATE INDEX audit_policy ON audit (seq) WHERE json_extract(event, '$.event') = 'policy_set';

-- One person's word for a prompt that needs two; it stands only for these terms.
CREATE TABLE endorsement (
    prompt TEXT NOT NULL REFERENCES prompt (id),
    name TEXT NOT NULL,
    terms_hash TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (prompt, name)
) STRICT, WITHOUT ROWID;

-- Standing leave. The signature over the terms is there only while the mandate is active.
CREATE TABLE mandate (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'active', 'paused', 'revoked', 'expired', 'declined')),
    version INTEGER NOT NULL,
    terms BLOB NOT NULL,
    signature BLOB,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT,
    CHECK ((state = 'active') = (signature IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- The money of every order, approved or drawn: its ceiling while it is reserved, then what was charged.
CREATE TABLE ledger (
    intent TEXT PRIMARY KEY REFERENCES intent (id) DEFERRABLE INITIALLY DEFERRED,
    mandate TEXT REFERENCES mandate (id),
    period_index INTEGER,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'spent', 'released', 'credited')),
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    CHECK ((mandate IS NULL) = (period_index IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO ledger (intent, state, amount_minor, currency, changed_ms)
    SELECT intent, state, amount_minor, currency, changed_ms FROM reservation;
DROP TABLE reservation;
CREATE INDEX ledger_by_mandate ON ledger (mandate, period_index) WHERE mandate IS NOT NULL;

-- The consent receipt that the signed terms carry the hash of, and the number of the hand-over; both are missing for
-- leave that was given before they were signed.
ALTER TABLE authority ADD COLUMN receipt BLOB;
ALTER TABLE authority ADD COLUMN handover INTEGER;
CREATE UNIQUE INDEX authority_handover ON authority (handover) WHERE handover IS NOT NULL;
CREATE INDEX authority_by_kind ON authority (kind, granted_ms);

-- When a body was taken to be sent: before that an order is cancelled here, after that the bridge is asked.
ALTER TABLE outbox ADD COLUMN claimed_ms INTEGER;

-- Orders that a person wants back, until the bridge has said whether it is too late.
CREATE TABLE cancel_wish (
    intent TEXT PRIMARY KEY REFERENCES intent (id),
    wished_by TEXT NOT NULL,
    wished_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Offers now hold what the page shows of the pack. A question that was open without it is asked anew.
UPDATE prompt SET state = 'withdrawn', version = version + 1 WHERE state IN ('open', 'snoozed');
UPDATE prompt SET offer = json_set(
    offer, '$.title', json_extract(offer, '$.sku'), '$.pack_amount', 0.0, '$.unit', ''
);
CREATE INDEX prompt_by_time ON prompt (created_ms);
