"""What is on the broker, as far as the hub knows: understood, kept apart, not understood, and what could feed an item.

Records and rules only. Of a payload that nobody understands only the shape is kept: the names of its places and the
kind of what stands there, never a value. Everything is bounded, and what was left out is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.catalogue import Item
from edge_agent.core.inventory.words import in_words
from edge_agent.core.messages import Direction, Presence, QuarantineReason, Reading, SignalClass
from edge_agent.core.profile import Profile
from edge_agent.core.quantity import countable
from edge_agent.core.signals import is_of_goods

_PERCENT = "%"


@dataclass(frozen=True, slots=True)
class Heard:
    """One signal as a device last told it, and when that was true (`at`) and was heard (None: at once).

    `is_retained`: only a copy that the broker keeps was heard, and nobody knows how old it is. `fault` is what
    contradicts the profile, or why there is no value, where that is known.
    """

    device: str
    profile: str
    topic: str
    reading: Reading
    at: datetime
    is_retained: bool = False
    fault: str = ""
    heard_at: datetime | None = None

    @property
    def came_at(self) -> datetime:
        """When the message was heard that told it."""
        return self.heard_at or self.at


@dataclass(frozen=True, slots=True)
class Apart:
    """Messages of one topic that were kept apart for one reason; the rest is of the newest of them.

    `payload` may be cut; `size_bytes` is that of the whole.
    """

    topic: str
    device: str | None
    reason: QuarantineReason
    detail: str
    payload: bytes
    size_bytes: int
    newest_at: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class SignalLine:
    """A signal of a device. `kind` and `direction` come from its profile, "" where that is not loaded any more.

    `feeds` are the items that are bound to it. What is retained is never fresh.
    """

    signal: str
    presence: str
    value: float | str | None
    unit: str
    at: datetime
    is_fresh: bool
    kind: str
    direction: str
    feeds: tuple[str, ...]
    is_retained: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SuggestedLine:
    """A product that a device names itself for one of its consumables. `kind`: `upc`, `gtin8`, `ean` or `gtin14`."""

    consumable: str
    kind: str
    code: str


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device that is understood, or was heard of. `online` is None where it never said; `seen_at`: last message.

    `suggested` is for a person to look at: nothing is ordered by it. `only_old_copies`: all that is known of it is what
    the broker kept, and nobody knows how old that is.
    """

    device: str
    profile: str | None
    title: str
    topic: str
    firmware: str | None
    online: bool | None
    seen_at: datetime | None
    signals: tuple[SignalLine, ...]
    suggested: tuple[SuggestedLine, ...] = ()
    only_old_copies: bool = False


@dataclass(frozen=True, slots=True)
class ApartLine:
    """Messages of one source that were kept apart for one reason; `detail` is what was said of the newest."""

    topic: str
    device: str | None
    reason: str
    detail: str
    messages: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class FamilyLine:
    """Topics that look alike and that no profile is for. `pattern` has `+` where they differ.

    `topic` is one of them, which may name a device; `shape` is the example without its values.
    """

    pattern: str
    topic: str
    topics: int
    messages: int
    shape: str
    why: str
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class Taker:
    """An item that a signal could tell the stock of, by its unit. `bound_to` tells it now; "" where nothing does."""

    item: str
    name: str
    unit: str
    bound_to: str


@dataclass(frozen=True, slots=True)
class OfferLine:
    """A level that no item is bound to, and the items whose unit fits."""

    device: str
    signal: str
    unit: str
    takers: tuple[Taker, ...]

    @property
    def needs_full_amount(self) -> bool:
        """Whether what 100 % are must be said, in the item's unit."""
        return self.unit == _PERCENT

    @property
    def means(self) -> str:
        """What the signal is, in words."""
        return in_words(self.signal)


@dataclass(frozen=True, slots=True)
class RisingLine:
    """A level that rises as stock is used, which cannot be counted. `feeds`: items that are bound to it anyway."""

    device: str
    signal: str
    unit: str
    feeds: tuple[str, ...]

    @property
    def means(self) -> str:
        """What the signal is, in words."""
        return in_words(self.signal)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The whole list. `source` says where it comes from; `left_out` what was not looked at or did not fit, in words."""

    as_of: datetime
    source: str
    devices: tuple[DeviceLine, ...] = ()
    apart: tuple[ApartLine, ...] = ()
    families: tuple[FamilyLine, ...] = ()
    offers: tuple[OfferLine, ...] = ()
    rising: tuple[RisingLine, ...] = ()
    left_out: tuple[str, ...] = ()


Feeds = Mapping[tuple[str, str], tuple[str, ...]]  # the items that a signal of a device tells of


def feeds(items: Iterable[Item]) -> Feeds:
    """Which items each signal of each device tells of, in their order."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in items:
        for bound in item.bindings:
            found[bound.device, bound.signal] = (*found.get((bound.device, bound.signal), ()), item.id)
    return found


def signal_line(
    heard: Heard, profile: Profile | None, *, fed: Feeds, now: datetime, stale_after_s: float
) -> SignalLine:
    """One signal with what its profile says of it; `fed` as `feeds` tells it."""
    declared = None if profile is None else profile.signals.get(heard.reading.signal)
    return SignalLine(
        signal=heard.reading.signal,
        presence=str(heard.reading.presence),
        value=heard.reading.value,
        unit=heard.reading.unit,
        at=heard.at,
        is_fresh=not heard.is_retained and (now - heard.at).total_seconds() <= stale_after_s,
        kind="" if declared is None else str(declared.signal_class),
        direction="" if declared is None or declared.direction == "none" else str(declared.direction),
        feeds=fed.get((heard.device, heard.reading.signal), ()),
        is_retained=heard.is_retained,
        fault=heard.fault,
    )


def offers(devices: Iterable[DeviceLine], *, items: Sequence[Item]) -> tuple[OfferLine, ...]:
    """Levels that fall with use and feed nothing, with the items that could take them.

    Only such signals of something that is bought become stock, and only in a unit in which goods are counted, or in
    percent. Of the items, those come first whose name has a word of the signal's, then those that nothing tells of now.
    That a unit fits does not mean that the item is of that product.
    """
    devices = tuple(devices)
    told = {(each.device, line.signal) for each in devices for line in each.signals if _has_value(line)}
    takers = sorted((_taker(item, told) for item in items), key=lambda taker: taker.bound_to != "")
    named = [(taker, _words_of(taker)) for taker in takers]
    return tuple(
        OfferLine(device.device, line.signal, line.unit, _fitting(line, named))
        for device in devices
        for line in device.signals
        if _is_free(line)
    )


def rising(devices: Iterable[DeviceLine]) -> tuple[RisingLine, ...]:
    """Levels that rise with use: an estimate would take what is used for what is left."""
    return tuple(
        RisingLine(device.device, line.signal, line.unit, line.feeds)
        for device in devices
        for line in device.signals
        if line.kind == SignalClass.LEVEL and line.direction == Direction.UP
    )


def hears_a_level(devices: Iterable[DeviceLine]) -> bool:
    """Whether any level of goods was heard, of whatever direction."""
    lines = (line for device in devices for line in device.signals)
    return any(line.kind == SignalClass.LEVEL and is_of_goods(line.signal) for line in lines)


def household_lines(offer: OfferLine) -> str:
    """The lines for the item in `household.json`. A `full_amount` of 0 is refused: only a person knows the number."""
    full = "0" if offer.needs_full_amount else "null"
    return f'"binding": {{"device": "{offer.device}", "signal": "{offer.signal}", "full_amount": {full}}}'


def _is_free(line: SignalLine) -> bool:
    """Whether it falls with use, feeds nothing, is of goods, and in a unit in which they are counted, or in percent."""
    falls = line.kind == SignalClass.LEVEL and line.direction == Direction.DOWN
    return falls and not line.feeds and is_of_goods(line.signal) and (line.unit == _PERCENT or countable(line.unit))


def _fitting(line: SignalLine, named: Sequence[tuple[Taker, frozenset[str]]]) -> tuple[Taker, ...]:
    """The items whose unit fits, those first whose name has a word of the signal's.

    A level counts in the item's own unit or in percent (`core.estimate`).
    """
    subject = frozenset(filter(None, re.split(r"[^a-z]+", line.signal.partition(".")[0])))
    fits = [each for each in named if line.unit in {each[0].unit, _PERCENT}]
    alike = [taker for taker, words in fits if words & subject]
    return (*alike, *(taker for taker, words in fits if not words & subject))


def _words_of(taker: Taker) -> frozenset[str]:
    return frozenset(word for word in re.split(r"[^a-z]+", f"{taker.item} {taker.name}".lower()) if len(word) > 2)


def _has_value(line: SignalLine) -> bool:
    return line.presence == Presence.VALUE


def _taker(item: Item, told: set[tuple[str, str]]) -> Taker:
    bound = next(((each.device, each.signal) for each in item.bindings if (each.device, each.signal) in told), None)
    return Taker(
        item=item.id,
        name=item.name,
        unit=item.unit,
        bound_to="/".join(bound) if bound is not None else "",
    )
