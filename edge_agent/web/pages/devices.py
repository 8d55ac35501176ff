"""Devices: who speaks, a line each; what could feed an item, what nobody understands, what was kept apart.

Those come first that need a look: a device that feeds an item and is silent, then whoever is silent, then those with
messages that were kept apart. Thirty on a page; names can be looked for. Nothing is changed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.responses import Response

from edge_agent.core.catalogue import Item
from edge_agent.core.inventory.devices import DeviceLine, Inventory, hears_a_level
from edge_agent.core.messages import DeviceId, Quarantined, QuarantineReason
from edge_agent.core.overview import DeviceOverview
from edge_agent.core.said import Names, Said, say
from edge_agent.web.visit import Visit
from edge_agent.web.wording import QUARANTINE_REASONS

_PAGE = 30
_PAGES_MAX = 1_000
_SEARCH_MAX = 64
_KEPT_APART_MAX = 10
_FAMILIES_MAX = 10
_OFFERS_MAX = 10
TEXT_MAX = 120  # fifty messages must not make a heavy page

ONLINE = (say("Online"), say("It says so itself."), "good")
OFFLINE = (say("Offline"), say("It or the broker said so."), "look")
SPEAKS = (say("Speaks"), say("It never says whether it is online; what it told last is fresh."), "good")
SILENT = (say("Silent"), say("It never says whether it is online; what it told last is old."), "look")
OLD_COPY = (
    say("Only an old message is known"),
    say("The broker kept it, and nobody knows how old it is: it counts for nothing until the device speaks."),
    "over",
)
NOTHING_TOLD = (say("Nothing told"), say("It was heard of, and has told no value yet."), "over")


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device in a line. `feeds` are names of items, `apart` how many of its messages were kept apart.

    `title` is what its profile calls it, "" where that is not loaded. `means` says what `presence` goes by.
    """

    device: str
    title: str
    presence: Said
    means: Said
    tone: str
    seen_at: datetime | None
    feeds: tuple[str, ...]
    apart: int

    @property
    def told_of(self) -> Said:
        """The names of the items in one text."""
        return say("{names}", names=Names(self.feeds))


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


@dataclass(frozen=True, slots=True)
class Paging:
    """Which devices of how many are shown; `before` and `after` are the addresses of the pages beside this one."""

    search: str
    first: int
    last: int
    total: int
    before: str
    after: str


async def show(visit: Visit) -> Response:
    """The page; `q` in the address looks for names, `page` goes on."""
    overview = visit.site.parts.overview
    inventory = visit.site.parts.inventory()
    query = visit.request.query_params
    search, number = query.get("q", "").strip()[:_SEARCH_MAX], _number(query.get("page", ""))
    rows = _rows(every_device(overview.devices(), inventory), inventory, items=overview.declared())
    found = [row for row in rows if _is_named(row, search.casefold())]
    paging = _paging(search, number, total=len(found))
    counts = overview.quarantine_counts()
    return visit.page(
        "devices.html",
        devices=found[max(0, paging.first - 1) : paging.last],
        paging=paging,
        known=len(rows),
        is_whole=number == 1 and not search,
        families=inventory.families[:_FAMILIES_MAX],
        more_families=max(0, len(inventory.families) - _FAMILIES_MAX),
        offers=inventory.offers[:_OFFERS_MAX],
        more_offers=max(0, len(inventory.offers) - _OFFERS_MAX),
        rising=inventory.rising[:_OFFERS_MAX],
        more_rising=max(0, len(inventory.rising) - _OFFERS_MAX),
        hears_a_level=hears_a_level(inventory.devices),
        kept_apart=kept_apart(overview.quarantine(device=None, limit=_KEPT_APART_MAX)),
        counts=[(QUARANTINE_REASONS[reason], count) for reason, count in counts.items() if count],
        total=sum(counts.values()),
        refresh=True,
    )


def every_device(known: Sequence[DeviceOverview], inventory: Inventory) -> tuple[DeviceOverview, ...]:
    """Those that spoke to the hub, then those of which only the broker told, with a message that it had kept."""
    named = {each.device for each in known}
    copies = (line for line in inventory.devices if line.only_old_copies and line.device not in named)
    return (
        *known,
        *(DeviceOverview(DeviceId(line.device), line.profile, None, online=None, seen_at=None) for line in copies),
    )


def kept_apart(messages: Sequence[Quarantined]) -> list[KeptApartRow]:
    """Messages in quarantine, in words."""
    return [
        KeptApartRow(
            reason=QUARANTINE_REASONS[message.reason],
            code=message.reason,
            detail=cut(message.detail),
            device=message.device,
            topic=cut(message.topic),
            excerpt=cut(message.payload[: 4 * TEXT_MAX].decode("utf-8", "replace")),
            size_bytes=message.size_bytes,
            received_at=message.received_at,
        )
        for message in messages
    ]


def presence(device: DeviceOverview, told: DeviceLine | None) -> tuple[Said, Said, str]:
    """A short word, what it means, and its tone: what the device said of itself, else how old its values are."""
    if device.online is not None:
        return ONLINE if device.online else OFFLINE
    if told is not None and told.only_old_copies:
        return OLD_COPY
    lines = () if told is None else told.signals
    if any(line.is_fresh for line in lines):
        return SPEAKS
    return SILENT if lines else NOTHING_TOLD


def fed_by(items: Iterable[Item]) -> Mapping[str, tuple[str, ...]]:
    """The names of the items that each device tells of."""
    found: dict[str, dict[str, None]] = {}
    for item in items:
        for bound in item.bindings:
            found.setdefault(bound.device, {})[item.name] = None
    return {device: tuple(names) for device, names in found.items()}


def cut(text: str) -> str:
    """Its beginning."""
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"


def _rows(devices: Sequence[DeviceOverview], inventory: Inventory, *, items: Sequence[Item]) -> list[DeviceRow]:
    """Every device, those first that need a look."""
    told = {line.device: line for line in inventory.devices}
    apart = Counter[str]()
    for line in inventory.apart:
        if line.device is not None and line.reason != QuarantineReason.RETAINED:  # an old copy is no fault of a device
            apart[line.device] += line.messages
    feeds = fed_by(items)
    rows = [
        _row(each, told.get(each.device), feeds=feeds.get(each.device, ()), apart=apart[each.device])
        for each in devices
    ]
    return sorted(rows, key=_urgency)


def _row(device: DeviceOverview, told: DeviceLine | None, *, feeds: tuple[str, ...], apart: int) -> DeviceRow:
    word, means, tone = presence(device, told)
    title = "" if told is None else told.title
    return DeviceRow(device.device, title, word, means, tone, device.seen_at, feeds, apart)


def _urgency(row: DeviceRow) -> tuple[bool, bool, bool, str]:
    is_silent = row.tone == "look"
    return not (is_silent and row.feeds), not is_silent, not row.apart, (row.title or row.device).casefold()


def _is_named(row: DeviceRow, search: str) -> bool:
    return not search or any(search in name.casefold() for name in (row.device, row.title, *row.feeds))


def _number(typed: str) -> int:
    """The page that is asked for; anything else is the first."""
    return int(typed) if typed.isascii() and typed.isdecimal() and 1 <= int(typed[:6]) <= _PAGES_MAX else 1


def _paging(search: str, number: int, *, total: int) -> Paging:
    last = min(number * _PAGE, total)
    first = min((number - 1) * _PAGE + 1, total + 1)
    return Paging(
        search=search,
        first=first,
        last=last,
        total=total,
        before=_address(search, number - 1) if number > 1 else "",
        after=_address(search, number + 1) if last < total else "",
    )


def _address(search: str, number: int) -> str:
    told = {"q": search} if search else {}
    return f"/devices?{urlencode({**told, 'page': number})}"
