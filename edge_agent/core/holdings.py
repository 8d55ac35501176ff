"""What the hub keeps of a household, and what left it, counted for the household to see. Records only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Held:
    """One kind of what is kept: `kind` is its name in the export; `since` is the time of the oldest row, if any."""

    kind: str
    rows: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SentSum:
    """All messages of one purpose that the ledger still lists. `size_bytes` is their sum."""

    purpose: str
    messages: int
    size_bytes: int
    first_at: datetime
    last_at: datetime
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows a deletion took away: readings, their sums by day, and messages that were kept apart.

    `is_done` is False where it goes on by itself.
    """

    readings: int = 0
    day_sums: int = 0
    kept_apart: int = 0
    is_done: bool = True

    @property
    def rows(self) -> int:
        """All of them."""
        return self.readings + self.day_sums + self.kept_apart

    def __add__(self, other: Forgotten) -> Forgotten:
        return Forgotten(
            self.readings + other.readings,
            self.day_sums + other.day_sums,
            self.kept_apart + other.kept_apart,
            self.is_done and other.is_done,
        )


@dataclass(frozen=True, slots=True)
class ForgettingNow:
    """A deletion that is under way: before a day, or of one device; rows gone so far, and those still there.

    `has_trouble`: the store could not be written just now; it is tried again.
    """

    before: date | None
    device: str | None
    gone: int
    left: int
    has_trouble: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """Files beside the store that hold readings too.

    `copies` are those of upgrades, which a deletion takes away; `set_apart` are names of what it does not touch.
    """

    copies: tuple[str, ...] = ()
    copies_bytes: int = 0
    set_apart: tuple[str, ...] = ()
