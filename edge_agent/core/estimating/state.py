"""The folded state of one item: small, frozen, and stored as JSON.

An item has containers (a washer's tank, a tray, a jar on a scale) and a shelf. A container is told of by one sensor or
several; the shelf is what stands in the cupboard, known only by facts: deliveries, counts, scans. All amounts are in
the item's unit, all times aware UTC.

What is folded has no slots: each reading makes a few new records of the old ones, and where the fields are a dict,
`changed` makes one ten times as fast as `dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from edge_agent.core.messages import ItemId, Refill
from edge_agent.errors import BugError


class DayUse(NamedTuple):
    """Use booked on one UTC day, signed, and for how much of the day it was watched."""

    ordinal: int
    used: float
    seen_s: float

    @property
    def day(self) -> date:
        """The day."""
        return date.fromordinal(self.ordinal)


@dataclass(frozen=True, slots=True)
class LevelAt:
    """A level, and when it was seen."""

    level: float
    at: datetime


@dataclass(frozen=True)
class Track:
    """What one sensor has told so far. `raw` is its last value as an amount (a level) or a number (a counter).

    Of a level: `level` is settled up to `settled_at` and was last seen at `seen_at`, which is earlier where the second
    reading of a rise was higher still; `pending` is a change that waits for a second reading, `dip`
    a small fall that waited just before it; `peak` is the highest level so far; `lifted` is the level
    before the last big drop; `calm` counts the readings since the last change. `scatter` is the median of the
    differences between two readings, `junk` the recent share of readings that were outvoted. The value stands since
    `moved_at`; `quiet_d` is how long it mostly stands. `offset` is what a person's count has put right. `step` is the
    smallest step that it was seen to count in, `dose` what is mostly used at once. It stands empty since `empty_at`.
    `crept` is how far it has risen little by little, as goods do not.

    Of a counter: `counted` is all that it has told of use. Of a flag: `is_low`, since `moved_at`. `used_at` is when use
    was last seen for sure.
    """

    key: str
    as_of: datetime | None = None
    values: int = 0
    raw: float | None = None
    level: float | None = None
    settled_at: datetime | None = None
    seen_at: datetime | None = None
    pending: LevelAt | None = None
    dip: LevelAt | None = None
    peak: float = 0.0
    lifted: LevelAt | None = None
    scatter: float | None = None
    calm: int = 0
    junk: float = 0.0
    moved_at: datetime | None = None
    quiet_d: float | None = None
    offset: float = 0.0
    step: float = 0.0
    dose: float | None = None
    empty_at: datetime | None = None
    crept: float = 0.0
    counted: float = 0.0
    counted_at_move: float = 0.0
    used_at: datetime | None = None
    is_low: bool | None = None


@dataclass(frozen=True)
class Container:
    """One place that goods are used from, and its sensors.

    `amount` at `amount_at` with `variance` is reckoned on from facts where no sensor tells a level (a flag, or nothing
    at all); None: unknown.
    """

    name: str
    tracks: tuple[Track, ...] = ()
    days: tuple[DayUse, ...] = ()
    booked_until: datetime | None = None
    amount: float | None = None
    amount_at: datetime | None = None
    variance: float = 0.0


class Arrival(NamedTuple):
    """Goods that came: how much, when, whether a sensor alone says so, and the date on them where it was read."""

    amount: float
    at: datetime
    is_hint: bool
    dated: date | None = None

    def keeps_until(self, keeps_d: float | None) -> date | None:
        """Until the end of which day: as the packs say, else so many days after they came; None: nobody knows."""
        if self.dated is not None or keeps_d is None:
            return self.dated
        return (self.at + timedelta(days=keeps_d)).date()


@dataclass(frozen=True)
class Shelf:
    """What stands in the cupboard. `amount` is None where nobody ever said and no sensor tells the rest.

    `arrivals` are the last goods that came, `unmatched` the refills that no known pack explains yet. `counted_at` is
    when all was last known for sure, `counted` how much it was, `came` how much has come since. `opened_at` is when the
    pack in use was opened. `dispute` is a count that contradicts a sensor. `overdrawn` is what was used beyond all that
    is known to have come, since the last count. `straight` is the share of goods that stood in an appliance within a
    day of coming. `maybe` is what may stand here besides. Goods that nobody told of were found `untold` times since
    `begun_at`; there were none at `searched_at`.
    """

    amount: float | None = None
    variance: float = 0.0
    at: datetime | None = None
    arrivals: tuple[Arrival, ...] = ()
    unmatched: tuple[Arrival, ...] = ()
    counted_at: datetime | None = None
    counted: float = 0.0
    came: float = 0.0
    opened_at: datetime | None = None
    dispute: str = ""
    overdrawn: float = 0.0
    straight: float = 0.5
    maybe: float = 0.0
    untold: int = 0
    begun_at: datetime | None = None
    searched_at: datetime | None = None


@dataclass(frozen=True)
class StockState:
    """Folded state of one item. `reading_id` and `event_id` are the last reading and the last event that are in it."""

    item: ItemId
    unit: str
    version: Literal[2]
    reading_id: int = 0
    event_id: int = 0
    containers: tuple[Container, ...] = ()
    shelf: Shelf = Shelf()
    refills: tuple[Refill, ...] = ()

    @property
    def as_of(self) -> datetime | None:
        """Event time of the last value of any sensor, or of the last fact where there is no sensor."""
        seen = [track.as_of for box in self.containers for track in box.tracks if track.as_of is not None]
        return max(seen, default=self.shelf.at)

    @property
    def used_at(self) -> datetime | None:
        """When a confirmed change, or a count of use, was last seen; None: never."""
        seen = [track.used_at for box in self.containers for track in box.tracks if track.used_at is not None]
        return max(seen, default=None)

    def to_json(self) -> str:
        """The state as JSON text, for the store."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> StockState:
        """The state from what `to_json` wrote.

        Raises: BugError when the text is no such state, as another version wrote it; it can be folded anew from the
        stored readings and events.
        """
        try:
            return _adapter().validate_json(text)
        except ValidationError as exc:
            raise BugError(f"stored stock state is unreadable: {exc.errors(include_url=False)[0]['msg']}") from exc


_Folded = TypeVar("_Folded", Track, Container, Shelf, StockState)


def changed(record: _Folded, **fields: object) -> _Folded:
    """The record with other values in these fields, as `dataclasses.replace` makes it.

    Raises: TypeError for a field that it does not have.
    """
    before = record.__dict__
    if not fields.keys() <= before.keys():
        raise TypeError(f"{type(record).__name__} has no field {', '.join(fields.keys() - before.keys())}")
    after = object.__new__(type(record))
    object.__setattr__(after, "__dict__", before | fields)
    return after


@cache
def _adapter() -> TypeAdapter[StockState]:
    return TypeAdapter(StockState)
