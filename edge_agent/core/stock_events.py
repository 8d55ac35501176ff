"""What people and deliveries say of a stock: facts, which are folded with the readings in the order of time.

A reading is a hint of how much there is; these are told by somebody who looked. Records, what is refused, and the form
in which the store keeps them. Times are aware UTC; `by` is the account's name, or `hub` for a delivery that it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Literal

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import ItemId
from edge_agent.core.said import say
from edge_agent.errors import BugError, RefusedError

PACKS_MAX = 99.0
_AHEAD_MAX = timedelta(minutes=5)
_BY_MAX = 80


@dataclass(frozen=True, slots=True)
class Corrected:
    """Somebody counted: so much there is in all, in the item's unit."""

    item: ItemId
    at: datetime
    by: str
    amount: float


@dataclass(frozen=True, slots=True)
class Scanned:
    """A pack was scanned: in (`packs` above 0), or out when it was finished (below 0)."""

    item: ItemId
    at: datetime
    by: str
    packs: float


@dataclass(frozen=True, slots=True)
class BoughtElsewhere:
    """Packs that the household bought by itself, in packs of the bound product."""

    item: ItemId
    at: datetime
    by: str
    packs: float


@dataclass(frozen=True, slots=True)
class ThrownAway:
    """So much was thrown away, in the item's unit: it is gone, and was not used."""

    item: ItemId
    at: datetime
    by: str
    amount: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A sealed pack was opened: the one before it is empty."""

    item: ItemId
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """Packs of an order that have come, in packs of the bound product."""

    item: ItemId
    at: datetime
    by: str
    packs: float


@dataclass(frozen=True, slots=True)
class SentBack:
    """Packs of an order that went back to the merchant, in packs of the bound product."""

    item: ItemId
    at: datetime
    by: str
    packs: float


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a pack: its number (14 digits), its batch ("": it names none), and its dates."""

    gtin14: str
    batch: str = ""
    best_before: date | None = None
    use_by: date | None = None

    @property
    def keeps_until(self) -> date | None:
        """The last day on which it is good: the earlier of the two dates."""
        return min((day for day in (self.use_by, self.best_before) if day is not None), default=None)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Somebody read what stands on packs that are here, in packs of the bound product; there are no more for it."""

    item: ItemId
    at: datetime
    by: str
    packs: float
    label: Label


StockEvent = Corrected | Scanned | BoughtElsewhere | ThrownAway | Opened | Delivered | SentBack | Labelled

Told = Literal[
    "counted", "bought", "thrown_away", "opened", "taken_in", "taken_out", "labelled", "sent_back"
]  # what a person says on the item's page

_NAMES: Mapping[str, type[StockEvent]] = {
    "corrected": Corrected,
    "scanned": Scanned,
    "bought_elsewhere": BoughtElsewhere,
    "thrown_away": ThrownAway,
    "opened": Opened,
    "delivered": Delivered,
    "sent_back": SentBack,
    "labelled": Labelled,
}
_KINDS = {kind: name for name, kind in _NAMES.items()}


def kind_of(event: StockEvent) -> str:
    """Its name in the store and in the audit log."""
    return _KINDS[type(event)]


def number_of(event: StockEvent) -> float | None:
    """The packs or the amount that it tells; None where it tells none."""
    match event:
        case Corrected() | ThrownAway():
            return event.amount
        case Scanned() | BoughtElsewhere() | Delivered() | SentBack() | Labelled():
            return event.packs
        case Opened():
            return None


def gone_amount(event: ThrownAway | SentBack, *, pack_amount: float) -> float:
    """What left the home and was not used, in the item's unit."""
    return event.amount if isinstance(event, ThrownAway) else event.packs * pack_amount


def restored(
    kind: str, *, item: str, at: datetime, by: str, number: float | None, label: Label | None = None
) -> StockEvent:
    """The event that was stored as these.

    Raises: BugError when they are no event.
    """
    made = _NAMES.get(kind)
    if made is None:
        raise BugError(f"stored stock event is of kind {kind!r}, which nobody knows")
    if made is Opened:
        return Opened(ItemId(item), at, by)
    if number is None:
        raise BugError(f"stored stock event {kind!r} has no number")
    if made is Labelled:
        if label is None:
            raise BugError(f"stored stock event {kind!r} has no label")
        return Labelled(ItemId(item), at, by, number, label)
    return made(ItemId(item), at, by, number)  # type: ignore[call-arg]  # all but Opened take one, and Labelled more


def refuse_unfit(event: StockEvent, *, item: Item, now: datetime) -> None:
    """Refuse what cannot be meant.

    Raises: RefusedError saying what is wrong with it and what to do.
    """
    if event.item != item.id:
        raise RefusedError(say("this is about {item}, not about {id}", item=event.item, id=item.id))
    if event.at.tzinfo is None or event.at > now + _AHEAD_MAX:
        raise RefusedError(say("{item}: this would be in the future; say what is there now", item=item.name))
    if not event.by or len(event.by) > _BY_MAX:
        raise RefusedError(say("nobody is named who says so: sign in again"))
    number, packs = number_of(event), _in_packs(event, item)
    if number is None or packs is None:
        return
    if not isfinite(number):
        raise RefusedError(say("{item}: that is no number", item=item.name))
    if abs(packs) > PACKS_MAX:
        told, most = f"{packs:.4g}", f"{PACKS_MAX:.0f}"
        raise RefusedError(
            say(
                "{item}: {packs} packs is more than {most}; give a smaller number",
                item=item.name,
                packs=told,
                most=most,
            )
        )
    if packs < 0 and not isinstance(event, Scanned):
        raise RefusedError(say("{item}: give a number of 0 or more", item=item.name))
    if packs == 0 and not isinstance(event, Corrected):
        raise RefusedError(say("{item}: 0 changes nothing; give how many", item=item.name))


def _in_packs(event: StockEvent, item: Item) -> float | None:
    number = number_of(event)
    if number is None or not isinstance(event, Corrected | ThrownAway):
        return number
    return number / item.product.pack_amount
