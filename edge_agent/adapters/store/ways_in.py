"""Ends what lets somebody in without a password, in a store that was put back.

Which sessions and tokens were ended and which links were used since the backup was made, nobody can tell, so none of
them stands: people sign in again, and programs get new tokens.
"""

from __future__ import annotations

from edge_agent.adapters.store.connection import Connection


def end_ways_in(connection: Connection) -> None:
    """Sessions, tokens of programs, and links of messages."""
    with connection.transaction() as db:
        db.execute("DELETE FROM session")
        db.execute("DELETE FROM api_token")
        db.execute("DELETE FROM notice_link")
