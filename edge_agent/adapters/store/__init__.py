"""The hub's durable store: one SQLite file, one connection, one class for each kind of thing kept in it."""
