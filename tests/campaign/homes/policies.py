"""What a policy is to the home, and the two simple ones that Restock is held against.

Both are set up once, as a household would do it, from its own guess of its use (the same guess that Restock is given):

- fixed threshold: when the sensor's last raw value says less than `THRESHOLD_D` days of the guessed use (and a fifth of
  a pack at the least), the usual order is proposed. The value is believed as it comes. After an order it is not
  proposed again before the value was above the threshold, or the guess says that what was bought is used up.
- fixed cycle: the usual order is proposed each time the guess says that nine tenths of it were used; the first time
  when the stock at the start is down to `THRESHOLD_D` days. No sensor is read. The tenth in reserve was tuned on five
  homes of other seeds (101 to 105): without it they ran out half as often again, and hardly less spoiled.

The usual order is a week's worth of what spoils and two weeks' worth of the rest, in whole packs, as far as there is
room: what people buy who think about it once.

Both ask as Restock asks: one question an item, open for three days; a declined one is asked again a day later by the
threshold, and with the next turn by the cycle. Neither asks while its last order is on its way. An item without a
sensor is on the cycle under both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from firmware_sim.dialects import Message
from tests.campaign.homes.household import START, Home, Kept

THRESHOLD_D = 4.0  # two days of lead time, a day to answer, a day to spare
COVER_D, COVER_KEEPING_D = 7.0, 14.0
_CYCLE_SHARE = 0.9  # of the days that an order lasts by the guess
_PACK_SHARE_MIN = 0.2
_OPEN_FOR = timedelta(days=3)
_AGAIN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked: so many packs of a ware."""

    id: str
    ware: str
    packs: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """Leave that was given: so many packs of a ware are bought."""

    id: str
    ware: str
    packs: int
    at: datetime


class Policy(Protocol):
    """What decides when to ask. Everything it knows of the home comes in here."""

    def hear(self, messages: Sequence[Message], *, now: datetime) -> None:
        """What the appliances said in the last hour."""

    def look(self, now: datetime) -> None:
        """A review of the whole home."""

    def questions(self) -> list[Question]:
        """What is open to be answered."""

    def approve(self, question: Question, *, now: datetime) -> Order | None:
        """A person says yes."""

    def decline(self, question: Question, *, reason: str, now: datetime) -> None:
        """A person says no; `reason` is one of the hub's words for it."""

    def delivered(self, order: Order, *, now: datetime) -> None:
        """The merchant calls an order delivered."""

    def told(self, what: str, ware: str, amount: float, *, now: datetime) -> None:
        """A person says something of a stock: `bought` or `thrown_away` or `corrected`, in the ware's unit."""

    def home_question(self) -> str | None:
        """What the whole home is asked, `seems_away` or `seems_guests`; None: nothing."""

    def say_presence(self, what: str, first: date, last: date) -> None:
        """A person says which days are not like the others: `away`, `guests` or `as_usual`."""

    def estimated(self, ware: str) -> float | None:
        """How much of a ware a person reads on its page, in the ware's unit; None where it shows nothing."""


class _Fixed:
    """What the two simple policies have in common: questions, and orders on their way."""

    def __init__(self, home: Home) -> None:
        self._kept = {each.ware.name: each for each in home.kept}
        self._open: dict[str, Question] = {}
        self._pending: set[str] = set()
        self._quiet: dict[str, datetime] = {}
        self.asked = 0
        self.asked_at: set[datetime] = set()

    def look(self, now: datetime) -> None:
        """Ask for whatever is due."""
        self._open = {name: each for name, each in self._open.items() if now < each.asked_at + _OPEN_FOR}
        for name, kept in self._kept.items():
            if name in self._open or name in self._pending or now < self._quiet.get(name, START):
                continue
            if self._is_due(kept, now):
                self.asked += 1
                self.asked_at.add(now)
                self._open[name] = Question(f"{name}-{self.asked}", name, cover_packs(kept), now)

    def questions(self) -> list[Question]:
        """What is open."""
        return list(self._open.values())

    def approve(self, question: Question, *, now: datetime) -> Order | None:
        """Order it."""
        del self._open[question.ware]
        self._pending.add(question.ware)
        self._bought(question.ware, now)
        return Order(question.id, question.ware, question.packs, now)

    def decline(self, question: Question, *, reason: str, now: datetime) -> None:
        """Leave it for a while."""
        del reason
        del self._open[question.ware]
        self._quiet[question.ware] = now + self._after_decline(question.ware)

    def delivered(self, order: Order, *, now: datetime) -> None:
        """It is here."""
        del now
        self._pending.discard(order.ware)

    def told(self, what: str, ware: str, amount: float, *, now: datetime) -> None:
        """Neither listens to people."""

    def home_question(self) -> str | None:
        """Neither notices anything of the kind."""
        return None

    def say_presence(self, what: str, first: date, last: date) -> None:
        """Neither asks."""

    def estimated(self, ware: str) -> float | None:
        """Neither has a page."""
        del ware
        return None

    def hear(self, messages: Sequence[Message], *, now: datetime) -> None:
        """Nothing is heard."""

    def _is_due(self, kept: Kept, now: datetime) -> bool:
        raise NotImplementedError

    def _after_decline(self, ware: str) -> timedelta:
        del ware
        return _AGAIN_AFTER

    def _bought(self, ware: str, now: datetime) -> None:
        pass


class FixedCycle(_Fixed):
    """Every so many days."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._due_at = {name: START + timedelta(days=first_due_d(each)) for name, each in self._kept.items()}

    def _is_due(self, kept: Kept, now: datetime) -> bool:
        return now >= self._due_at[kept.ware.name]

    def _after_decline(self, ware: str) -> timedelta:
        self._turn(ware)
        return timedelta(0)

    def _bought(self, ware: str, now: datetime) -> None:
        self._turn(ware)

    def _turn(self, ware: str) -> None:
        self._due_at[ware] += timedelta(days=cycle_d(self._kept[ware]))


class FixedThreshold(_Fixed):
    """As soon as the sensor says that little is left."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._raw: dict[str, float] = {}
        self._begun: dict[str, float] = {}  # of counters: where they stood when the last pack was ordered
        self._waits: dict[str, datetime] = {}  # for the value to rise, no longer than until then
        self._without = FixedCycle(home)

    def hear(self, messages: Sequence[Message], *, now: datetime) -> None:
        """Keep the last raw value of each ware, in its unit."""
        del now
        last = {message.device: message.seen.values for message in messages}
        for name, kept in self._kept.items():
            values = last.get(kept.ware.device)
            if values is not None and kept.ware.channel in values:
                self._raw[name] = self._in_unit(kept, float(values[kept.ware.channel]))
                if self._raw[name] >= threshold(kept):
                    self._waits.pop(name, None)

    def _in_unit(self, kept: Kept, value: float) -> float:
        ware = kept.ware
        match ware.sensing:
            case "counter":
                begun = self._begun.setdefault(ware.name, value)
                return kept.at_start - (value - begun) * ware.step
            case "run_time":
                return (ware.full or 0.0) - value
            case _:
                return value / 100 * ware.full if ware.full is not None else value

    def _is_due(self, kept: Kept, now: datetime) -> bool:
        if kept.ware.sensing == "none":
            return self._without._is_due(kept, now)
        raw = self._raw.get(kept.ware.name)
        is_waiting = now < self._waits.get(kept.ware.name, now)
        return raw is not None and raw < threshold(kept) and not is_waiting

    def _after_decline(self, ware: str) -> timedelta:
        if self._kept[ware].ware.sensing == "none":
            return self._without._after_decline(ware)
        return _AGAIN_AFTER

    def _bought(self, ware: str, now: datetime) -> None:
        self._without._bought(ware, now)
        kept = self._kept[ware]
        self._waits[ware] = now + timedelta(days=cycle_d(kept))
        if kept.ware.sensing == "counter":  # what was ordered is as good as there: the count goes on from it
            self._begun[ware] += cover_packs(kept) * kept.ware.pack / kept.ware.step


def threshold(kept: Kept) -> float:
    """What is little, in the ware's unit."""
    return max(THRESHOLD_D * kept.guess_per_day, _PACK_SHARE_MIN * kept.ware.pack)


def cover_packs(kept: Kept) -> int:
    """How many packs are bought at once."""
    cover_d = COVER_KEEPING_D if kept.ware.keeps_d is None else COVER_D
    wanted = round(cover_d * kept.guess_per_day / kept.ware.pack)
    return max(1, min(wanted, kept.ware.room_packs))


def cycle_d(kept: Kept) -> float:
    """How many days after an order the next one is proposed."""
    return _CYCLE_SHARE * cover_packs(kept) * kept.ware.pack / kept.guess_per_day


def first_due_d(kept: Kept) -> float:
    """When the stock at the start is down to the threshold, by the guess."""
    return max(0.0, kept.at_start / kept.guess_per_day - THRESHOLD_D)
