-- A way to reach a person, as the household gave it. The address may hold a key: it is neither logged nor shown.
CREATE TABLE notice_channel (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('apprise', 'web_push')),
    rank INTEGER NOT NULL,
    address TEXT NOT NULL,
    origin TEXT NOT NULL DEFAULT '',
    is_on INTEGER NOT NULL DEFAULT 1 CHECK (is_on IN (0, 1)),
    added_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How one question fared with one person on one channel (core.notifying).
CREATE TABLE notice_receipt (
    prompt TEXT NOT NULL,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    retry_ms INTEGER,
    PRIMARY KEY (prompt, person, channel)
) STRICT, WITHOUT ROWID;

-- Messages that left or were about to: what the daily cap and the gap count.
CREATE TABLE notice_sent (
    id INTEGER PRIMARY KEY,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    has_failed INTEGER NOT NULL DEFAULT 0 CHECK (has_failed IN (0, 1))
) STRICT;
CREATE INDEX notice_sent_at ON notice_sent (at_ms);

-- What a link in a message opens, once, until it expires. The token itself is not kept: it is sealed by the household.
CREATE TABLE notice_link (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    prompts TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
) STRICT, WITHOUT ROWID;
