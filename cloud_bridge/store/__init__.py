"""The bridge's store: SQLAlchemy Core over SQLite (later PostgreSQL), one transaction for each call."""
