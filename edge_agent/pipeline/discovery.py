"""What is on the broker, put together: from the store of a hub, or from what was heard while somebody listened.

Reads only. Everything has a limit, and what did not fit is told in `Inventory.left_out`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from edge_agent.core.catalogue import Item
from edge_agent.core.decode import Decoder
from edge_agent.core.decoding.raw import size_of
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.inventory.devices import (
    Apart,
    ApartLine,
    DeviceLine,
    Heard,
    Inventory,
    SuggestedLine,
    offers,
    rising,
    signal_line,
)
from edge_agent.core.inventory.families import Strange, families
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    RawMessage,
)
from edge_agent.core.overview import DeviceOverview
from edge_agent.core.profile import Profile
from edge_agent.ports import Clock, HouseholdStore, Inspection

SIGNALS_MAX = 2_000
TOPICS_MAX = 2_000
EXAMPLES_MAX = 100
_FAMILIES_MAX = 200
_APART_MAX = 200
_EXAMPLE_BYTES_MAX = 4_096
_TEXT_MAX = 200

ProfileOf = Callable[[str], Profile | None]


class HeardStore(Protocol):
    """What the list of devices reads of the store."""

    def latest(self, *, limit: int) -> list[Heard]:
        """The last reading of every signal of every device, by name."""

    def apart(self, *, limit: int) -> list[Apart]:
        """What was kept apart, by topic and reason, the newest first."""


class Discovery:
    """The list as the hub's store has it."""

    def __init__(
        self,
        *,
        heard: HeardStore,
        inspection: Inspection,
        household: HouseholdStore,
        profile_of: ProfileOf,
        clock: Clock,
        stale_after_s: float,
        remarks: Remarks | None = None,
    ) -> None:
        self._remarks = remarks or Remarks()
        self._heard = heard
        self._inspection = inspection
        self._household = household
        self._profile_of = profile_of
        self._clock = clock
        self._stale_after_s = stale_after_s

    def inventory(self) -> Inventory:
        """Everything that is known now."""
        return assembled(
            [self._explained(each) for each in self._heard.latest(limit=SIGNALS_MAX)],
            self._heard.apart(limit=TOPICS_MAX),
            known=self._inspection.devices(),
            items=self._household.load().items,
            profile_of=self._profile_of,
            now=self._clock.now(),
            stale_after_s=self._stale_after_s,
            source="the hub's store",
            remarks=self._remarks,
        )

    def _explained(self, heard: Heard) -> Heard:
        """With the reason why there is no value, where its last message said one."""
        fault = "" if heard.reading.value is not None else self._remarks.fault(heard.device, heard.reading.signal)
        return replace(heard, fault=fault) if fault else heard


class Survey:
    """What was heard while somebody listened. Nothing is stored, acknowledged or answered.

    A retained copy is read too, since it shows what there is, and is marked as of unknown age.
    """

    def __init__(self, decoder: Callable[[Callable[[str], Birth | None]], Decoder]) -> None:
        self._births: dict[str, Birth] = {}
        self._decoder = decoder(self._births.get)
        self._online: dict[str, PresenceChange] = {}
        self._heard: dict[tuple[str, str], Heard] = {}
        self._apart: OrderedDict[tuple[str, str], Apart] = OrderedDict()
        self._examples: dict[str, bytes] = {}
        self._remarks = Remarks()
        self.messages = 0
        self._missed = 0

    def take(self, message: RawMessage, *, now: datetime) -> None:
        """One message more."""
        self.messages += 1
        if _is_of_the_hub(message.topic):
            return
        match self._decoder.decode(replace(message, retained=False, duplicate=False), now=now):
            case Decoded() as told:
                self._note(told, is_retained=message.retained)
            case Birth() as birth:
                self._births[birth.device] = birth
            case PresenceChange() as change:
                self._online[change.device] = change
            case Quarantined() as strange:
                self._keep_apart(strange, message)

    def inventory(
        self, *, items: Sequence[Item], profile_of: ProfileOf, now: datetime, stale_after_s: float, source: str
    ) -> Inventory:
        """What was heard so far."""
        found = assembled(
            [self._heard[key] for key in sorted(self._heard)],
            list(reversed(self._apart.values())),
            known=self._known(),
            items=items,
            profile_of=profile_of,
            now=now,
            stale_after_s=stale_after_s,
            source=source,
            remarks=self._remarks,
        )
        missed = (f"{self._missed} messages of topics or signals over the limit",) if self._missed else ()
        return replace(found, left_out=(*found.left_out, *missed))

    def examples(self) -> dict[str, bytes]:
        """One whole payload of each topic that nobody understands, at most `EXAMPLES_MAX`."""
        return dict(self._examples)

    def _keep_example(self, message: RawMessage) -> None:
        if message.topic in self._examples or len(self._examples) < EXAMPLES_MAX:
            self._examples[message.topic] = message.payload

    def _known(self) -> list[DeviceOverview]:
        names = sorted({*self._births, *self._online})
        return [_overview(DeviceId(name), self._births.get(name), self._online.get(name)) for name in names]

    def _note(self, told: Decoded, *, is_retained: bool) -> None:
        self._remarks.note(told)
        for reading in told.readings:
            key = (told.device, reading.signal)
            if key not in self._heard and len(self._heard) >= SIGNALS_MAX:
                self._missed += 1
                return
            self._heard[key] = Heard(
                device=told.device,
                profile=told.profile,
                topic=told.topic,
                reading=reading,
                at=told.event_at,
                heard_at=told.received_at,
                is_retained=is_retained,
                fault=self._remarks.fault(told.device, reading.signal),
            )

    def _keep_apart(self, strange: Quarantined, message: RawMessage) -> None:
        key = (strange.topic, str(strange.reason))
        before = self._apart.pop(key, None)
        if before is None and len(self._apart) >= TOPICS_MAX:
            self._missed += 1
            return
        if strange.reason is QuarantineReason.UNKNOWN_DEVICE and strange.device is None:
            self._keep_example(message)
        self._apart[key] = Apart(
            topic=strange.topic,
            device=strange.device,
            reason=strange.reason,
            detail=strange.detail,
            payload=message.payload[:_EXAMPLE_BYTES_MAX],
            size_bytes=size_of(message),
            newest_at=strange.received_at,
            messages=1 if before is None else before.messages + 1,
        )


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
    devices = tuple(
        replace(
            _device(
                name, signals, overviews.get(name), items=items, profile_of=profile_of, now=now, stale_s=stale_after_s
            ),
            suggested=tuple(SuggestedLine(*each) for each in remarks.suggestions(name)),
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
    items: Sequence[Item],
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
            signal_line(each, profile_of(each.profile), items=items, now=now, stale_after_s=stale_s) for each in told
        ),
    )


def _overview(name: DeviceId, birth: Birth | None, presence: PresenceChange | None) -> DeviceOverview:
    """A native device as it announced itself; retained words have no age, so it was not seen yet."""
    return DeviceOverview(
        device=name,
        profile=None if birth is None else birth.profile,
        firmware=None if birth is None else birth.firmware,
        online=None if presence is None else presence.online,
        seen_at=None,
    )


def _is_of_the_hub(topic: str) -> bool:
    """What the hub itself says to devices."""
    levels = topic.split("/")
    return levels[0] == "restock" and levels[-1] in {"ack", "cmd"}


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
