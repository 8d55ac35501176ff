"""What is on the broker, put together: of what was heard of each device, and of what was kept apart.

Everything has a limit, and what did not fit is told in `Inventory.left_out`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from edge_agent.core.catalogue import Item
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.inventory.devices import (
    Apart,
    ApartLine,
    DeviceLine,
    Feeds,
    Heard,
    Inventory,
    SuggestedLine,
    feeds,
    offers,
    rising,
    signal_line,
)
from edge_agent.core.inventory.families import Strange, families
from edge_agent.core.messages import QuarantineReason
from edge_agent.core.overview import DeviceOverview
from edge_agent.core.profile import Profile

SIGNALS_MAX = 2_000
TOPICS_MAX = 2_000
_FAMILIES_MAX = 200
_APART_MAX = 200
_TEXT_MAX = 200

ProfileOf = Callable[[str], Profile | None]


def assembled(
    heard: Sequence[Heard],
    apart: Sequence[Apart],
    *,
    known: Iterable[DeviceOverview],
    items: Sequence[Item],
    profile_of: ProfileOf,
    now: datetime,
    stale_after_s: float,
    source: str,
    remarks: Remarks,
) -> Inventory:
    """The list, of what was heard and what was kept apart."""
    overviews: dict[str, DeviceOverview] = {each.device: each for each in known}
    by_device: dict[str, list[Heard]] = {name: [] for name in overviews}
    for each in heard:
        by_device.setdefault(each.device, []).append(each)
    copies = {each.device: each for each in apart if each.reason is QuarantineReason.RETAINED and each.device}
    for name in copies:
        by_device.setdefault(name, [])
    fed = feeds(items)
    devices = tuple(
        replace(
            _device(name, signals, overviews.get(name), fed=fed, profile_of=profile_of, now=now, stale_s=stale_after_s),
            suggested=tuple(SuggestedLine(*each) for each in remarks.suggestions(name)),
            only_old_copies=all(each.is_retained for each in signals) if signals else name in copies,
        )
        for name, signals in sorted(by_device.items())
    )
    nobody = [each for each in apart if _is_nobodys(each)]
    understood: dict[str, datetime] = {}
    for told in heard:
        understood[told.topic] = max(told.came_at, understood.get(told.topic, told.came_at))
    strange = families(_strange(each) for each in nobody if not _was_understood_since(each, understood))
    lines = tuple(_apart_line(each) for each in apart if not _is_nobodys(each))
    return Inventory(
        as_of=now,
        source=source,
        devices=devices,
        apart=lines[:_APART_MAX],
        families=strange[:_FAMILIES_MAX],
        offers=offers(devices, items=items),
        rising=rising(devices),
        left_out=tuple(_left_out(heard, apart, lines, strange)),
    )


def _device(
    name: str,
    told: Sequence[Heard],
    overview: DeviceOverview | None,
    *,
    fed: Feeds,
    profile_of: ProfileOf,
    now: datetime,
    stale_s: float,
) -> DeviceLine:
    newest = max(told, key=lambda each: each.came_at, default=None)
    profile = newest.profile if newest is not None else None if overview is None else overview.profile
    loaded = None if profile is None else profile_of(profile)
    return DeviceLine(
        device=name,
        profile=profile,
        title="" if loaded is None else loaded.title,
        topic="" if newest is None else newest.topic,
        firmware=None if overview is None else overview.firmware,
        online=None if overview is None else overview.online,
        seen_at=overview.seen_at
        if overview is not None and overview.seen_at
        else None
        if newest is None
        else newest.came_at,
        signals=tuple(
            signal_line(each, profile_of(each.profile), fed=fed, now=now, stale_after_s=stale_s) for each in told
        ),
    )


def _is_nobodys(apart: Apart) -> bool:
    return apart.reason is QuarantineReason.UNKNOWN_DEVICE and apart.device is None


def _was_understood_since(apart: Apart, understood: Mapping[str, datetime]) -> bool:
    """A profile may have been added meanwhile."""
    at = understood.get(apart.topic)
    return at is not None and at >= apart.newest_at


def _strange(apart: Apart) -> Strange:
    return Strange(
        topic=apart.topic,
        payload=apart.payload,
        size_bytes=apart.size_bytes,
        messages=apart.messages,
        why=apart.detail,
        newest_at=apart.newest_at,
    )


def _apart_line(apart: Apart) -> ApartLine:
    return ApartLine(
        topic=apart.topic[:_TEXT_MAX],
        device=apart.device,
        reason=str(apart.reason),
        detail=apart.detail[:_TEXT_MAX],
        messages=apart.messages,
        newest_at=apart.newest_at,
    )


def _left_out(
    heard: Sequence[Heard], apart: Sequence[Apart], lines: Sequence[object], strange: Sequence[object]
) -> list[str]:
    said = []
    if len(heard) >= SIGNALS_MAX:
        said.append(f"signals after the first {SIGNALS_MAX}")
    if len(apart) >= TOPICS_MAX:
        said.append(f"topics after the newest {TOPICS_MAX}")
    if len(lines) > _APART_MAX:
        said.append(f"{len(lines) - _APART_MAX} more reasons why messages were kept apart")
    if len(strange) > _FAMILIES_MAX:
        said.append(f"{len(strange) - _FAMILIES_MAX} more families of topics")
    return said
