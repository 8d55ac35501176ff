"""Devices: who speaks, what they told last, what nobody understands, what could feed an item, what was kept apart.

Nothing is changed here: the household's file is for people to edit, and the page shows the lines that go into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from edge_agent.core.inventory.devices import (
    DeviceLine,
    OfferLine,
    SignalLine,
    SuggestedLine,
    Taker,
    hears_a_level,
    household_lines,
)
from edge_agent.core.messages import Presence, Quarantined
from edge_agent.core.overview import DeviceOverview, ItemOverview
from edge_agent.web.visit import Visit
from edge_agent.web.wording import QUARANTINE_REASONS

_KEPT_APART_MAX = 50
_SIGNALS_MAX = 12
_FAMILIES_MAX = 30
_OFFERS_MAX = 20
_WAYS_MAX = 8
_TEXT_MAX = 120  # fifty messages must not make a heavy page


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal of a device in words. `feeds` are names of items; `why` is why there is no value."""

    name: str
    value: str
    at: datetime
    is_stale: bool
    feeds: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device, what it told last, and what it feeds. `more` signals are not shown.

    `title` is what its profile calls it, "" where that is not loaded. `means` says what `presence` goes by.
    """

    device: DeviceOverview
    title: str
    presence: str
    means: str
    tone: str
    feeds: tuple[str, ...]
    signals: tuple[SignalRow, ...]
    more: int
    suggested: tuple[SuggestedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class BindRow:
    """A level that feeds no item, what it is in words, the line that binds it, and the items whose unit fits."""

    device: str
    signal: str
    unit: str
    means: str
    line: str
    needs_full_amount: bool
    takers: tuple[Taker, ...]


@dataclass(frozen=True, slots=True)
class KeptApartRow:
    """One message in quarantine. `excerpt` is its beginning as text."""

    reason: str
    code: str
    detail: str
    device: str | None
    topic: str
    excerpt: str
    size_bytes: int
    received_at: datetime


async def show(visit: Visit) -> Response:
    """The page."""
    overview = visit.site.parts.overview
    items = overview.items()
    counts = overview.quarantine_counts()
    inventory = visit.site.parts.inventory()
    told = {line.device: line for line in inventory.devices}
    return visit.page(
        "devices.html",
        devices=[_device(device, items=items, told=told.get(device.device)) for device in overview.devices()],
        families=inventory.families[:_FAMILIES_MAX],
        more_families=max(0, len(inventory.families) - _FAMILIES_MAX),
        offers=[_bind_row(offer) for offer in inventory.offers[:_OFFERS_MAX]],
        more_offers=max(0, len(inventory.offers) - _OFFERS_MAX),
        rising=inventory.rising[:_OFFERS_MAX],
        more_rising=max(0, len(inventory.rising) - _OFFERS_MAX),
        hears_a_level=hears_a_level(inventory.devices),
        kept_apart=kept_apart(overview.quarantine(device=None, limit=_KEPT_APART_MAX)),
        counts=[(QUARANTINE_REASONS[reason], count) for reason, count in counts.items() if count],
        total=sum(counts.values()),
        refresh=True,
    )


def kept_apart(messages: Sequence[Quarantined]) -> list[KeptApartRow]:
    """Messages in quarantine, in words."""
    return [
        KeptApartRow(
            reason=QUARANTINE_REASONS[message.reason],
            code=message.reason,
            detail=_cut(message.detail),
            device=message.device,
            topic=_cut(message.topic),
            excerpt=_cut(message.payload[: 4 * _TEXT_MAX].decode("utf-8", "replace")),
            size_bytes=message.size_bytes,
            received_at=message.received_at,
        )
        for message in messages
    ]


def _device(device: DeviceOverview, *, items: Sequence[ItemOverview], told: DeviceLine | None) -> DeviceRow:
    names = {known.item.id: known.item.name for known in items}
    lines = () if told is None else told.signals
    presence, means, tone = _presence(device.online, lines)
    return DeviceRow(
        device=device,
        title="" if told is None else told.title,
        presence=presence,
        means=means,
        tone=tone,
        feeds=tuple(known.item.name for known in items if any(b.device == device.device for b in known.item.bindings)),
        signals=tuple(_signal(line, names) for line in lines[:_SIGNALS_MAX]),
        more=max(0, len(lines) - _SIGNALS_MAX),
        suggested=() if told is None else told.suggested,
    )


def _presence(online: bool | None, lines: Sequence[SignalLine]) -> tuple[str, str, str]:  # noqa: FBT001  # as it said
    """A short word, what it means, and its tone: what the device said of itself, else how old its values are."""
    if online is not None:
        return ("Online", "It says so itself.", "good") if online else ("Offline", "It or the broker said so.", "look")
    if any(line.is_fresh for line in lines):
        return "Speaks", "It never says whether it is online; what it told last is fresh.", "good"
    if lines:
        return "Silent", "It never says whether it is online; what it told last is old.", "look"
    return "Nothing told", "It was heard of, and has told no value yet.", "over"


def _signal(line: SignalLine, names: Mapping[str, str]) -> SignalRow:
    match line.value:
        case None:
            value = "not there" if line.presence == Presence.NOT_APPLICABLE else "not known"
        case str(word):
            value = _cut(word)
        case number:
            value = f"{number:.6g} {line.unit}"
    feeds = tuple(names.get(item, item) for item in line.feeds)
    return SignalRow(line.signal, value, line.at, is_stale=not line.is_fresh, feeds=feeds, why=_cut(line.fault))


def _bind_row(offer: OfferLine) -> BindRow:
    return BindRow(
        offer.device,
        offer.signal,
        offer.unit,
        offer.means,
        line=household_lines(offer),
        needs_full_amount=offer.needs_full_amount,
        takers=offer.takers[:_WAYS_MAX],
    )


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
