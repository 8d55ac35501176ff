"""One device: what it told last, signal by signal, what that feeds, and what of it was kept apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from edge_agent.core.inventory.devices import DeviceLine, SignalLine
from edge_agent.core.inventory.words import in_words
from edge_agent.core.messages import DeviceId, Presence
from edge_agent.core.said import Names, Said, say
from edge_agent.web.pages.devices import cut, every_device, fed_by, kept_apart, presence
from edge_agent.web.visit import Visit

_ID = re.compile(r"([a-z0-9_]{1,62}\.)?[a-z0-9_-]{1,64}")  # as `core.catalogue.Binding` has it
_SIGNAL = re.compile(r"[a-z0-9_]{1,64}(\.[a-z0-9_]{1,64})?")
_SIGNALS_MAX = 60
_KEPT_APART_MAX = 10


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal in words. `feeds` are names of items; `why` is why there is no value.

    `can_bind`: it is a level that could feed an item, or feeds one.
    """

    name: str
    means: str
    value: str
    unit: str
    presence: str
    at: datetime
    is_stale: bool
    feeds: Said | None
    can_bind: bool
    why: str = ""


async def show(visit: Visit) -> Response:
    """The page."""
    overview, inventory = visit.site.parts.overview, visit.site.parts.inventory()
    ident = device_id(visit)
    known = next((each for each in every_device(overview.devices(), inventory) if each.device == ident), None)
    if known is None:
        raise HTTPException(404)
    items = overview.declared()
    told = next((line for line in inventory.devices if line.device == ident), None)
    lines = () if told is None else told.signals
    names = {each.id: each.name for each in items}
    offered = {offer.signal for offer in inventory.offers if offer.device == ident}
    word, means, tone = presence(known, told)
    feeds = fed_by(items).get(ident, ())
    return visit.page(
        "device.html",
        device=known,
        title="" if told is None else told.title,
        presence=word,
        means=means,
        tone=tone,
        feeds=_named(feeds),
        signals=[_signal(line, names, offered=offered) for line in lines[:_SIGNALS_MAX]],
        more=max(0, len(lines) - _SIGNALS_MAX),
        suggested=() if told is None else told.suggested,
        kept_apart=kept_apart(overview.quarantine(device=DeviceId(ident), limit=_KEPT_APART_MAX)),
        refresh=True,
    )


def device_id(visit: Visit) -> str:
    """The device in the address.

    Raises: HTTPException 404 when it cannot be one.
    """
    return _in_path(visit, "device", _ID)


def signal_name(visit: Visit) -> str:
    """The signal in the address.

    Raises: HTTPException 404 when it cannot be one.
    """
    return _in_path(visit, "signal", _SIGNAL)


def signal_row(told: DeviceLine, signal: str, *, names: Mapping[str, str]) -> SignalRow | None:
    """One signal of a device; None where it has told no such thing."""
    line = next((line for line in told.signals if line.signal == signal), None)
    return None if line is None else _signal(line, names, offered=frozenset())


def _in_path(visit: Visit, name: str, shape: re.Pattern[str]) -> str:
    value: str = visit.request.path_params[name]
    if shape.fullmatch(value) is None:
        raise HTTPException(404)
    return value


def _named(names: tuple[str, ...]) -> Said | None:
    return say("{names}", names=Names(names)) if names else None


def _signal(line: SignalLine, names: Mapping[str, str], *, offered: frozenset[str] | set[str]) -> SignalRow:
    match line.value:
        case None:
            value, unit = "", ""
        case str(word):
            value, unit = cut(word), ""
        case number:
            value, unit = f"{number:.6g}", line.unit
    fed = tuple(names.get(item, item) for item in line.feeds)
    return SignalRow(
        name=line.signal,
        means=in_words(line.signal),
        value=value,
        unit=unit,
        presence="not_there" if line.presence == Presence.NOT_APPLICABLE else "unknown" if line.value is None else "",
        at=line.at,
        is_stale=not line.is_fresh,
        feeds=_named(fed),
        can_bind=bool(fed) or line.signal in offered,
        why=cut(line.fault),
    )
