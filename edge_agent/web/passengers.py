"""Who has said to be a passenger: for five minutes, in the session in which it was said, and in memory only."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge_agent.core.people import Session

PASSENGER_FOR = timedelta(minutes=5)
_SESSIONS_MAX = 1_000


class Passengers:
    """The sessions in which somebody said so, and when."""

    def __init__(self) -> None:
        self._said_at: dict[str, datetime] = {}

    def note(self, session: Session, *, now: datetime) -> None:
        """This person is a passenger from now on."""
        self._said_at = {each: at for each, at in self._said_at.items() if _holds(at, now=now)}
        if len(self._said_at) < _SESSIONS_MAX:
            self._said_at[session.token_hash] = now

    def has(self, session: Session, *, now: datetime) -> bool:
        """Whether that was said here in the last five minutes."""
        said_at = self._said_at.get(session.token_hash)
        return said_at is not None and _holds(said_at, now=now)


def _holds(said_at: datetime, *, now: datetime) -> bool:
    """A clock that went back ends it."""
    return timedelta() <= now - said_at < PASSENGER_FOR
