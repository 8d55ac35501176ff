-- What items in shadow would have ordered, as JSON of core.shadow.ShadowOrder; one for an item and moment.
CREATE TABLE shadow_order (
    item TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    said TEXT NOT NULL,
    PRIMARY KEY (item, at_ms)
) STRICT, WITHOUT ROWID;

-- What each question and draw rested on, redacted (core.replay): with it the decision can be made again.
CREATE TABLE decision_bundle (
    prompt TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    bundle BLOB NOT NULL
) STRICT, WITHOUT ROWID;
