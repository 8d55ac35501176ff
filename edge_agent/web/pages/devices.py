"""Devices: who speaks, when last, and every message that could not be believed, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from edge_agent.core.messages import Quarantined
from edge_agent.core.overview import DeviceOverview, ItemOverview
from edge_agent.web.visit import Visit
from edge_agent.web.wording import QUARANTINE_REASONS

_KEPT_APART_MAX = 50
_TEXT_MAX = 120  # fifty messages must not make a heavy page


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device and what it feeds."""

    device: DeviceOverview
    presence: str
    tone: str
    feeds: tuple[str, ...]


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
    """Devices and quarantine."""
    overview = visit.site.parts.overview
    items = overview.items()
    counts = overview.quarantine_counts()
    return visit.page(
        "devices.html",
        devices=[_device(device, items=items) for device in overview.devices()],
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


def _device(device: DeviceOverview, *, items: Sequence[ItemOverview]) -> DeviceRow:
    presence, tone = {True: ("Online", "good"), False: ("Offline", "look"), None: ("Not said", "over")}[device.online]
    feeds = tuple(known.item.name for known in items if known.item.binding.device == device.device)
    return DeviceRow(device=device, presence=presence, tone=tone, feeds=feeds)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
