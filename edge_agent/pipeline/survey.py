"""What was heard at the broker while somebody listened, as the list of devices. Nothing of it is stored."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from edge_agent.core.catalogue import Item
from edge_agent.core.decode import Decoder
from edge_agent.core.decoding.raw import size_of
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.inventory.assembling import SIGNALS_MAX, TOPICS_MAX, ProfileOf, assembled
from edge_agent.core.inventory.devices import Apart, Heard, Inventory
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

EXAMPLES_MAX = 100  # topics
EXAMPLES_OF_TOPIC_MAX = 6
_DIGITS = re.compile(rb"\d+")
_EXAMPLE_BYTES_MAX = 4_096


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
        self._examples: dict[str, list[bytes]] = {}
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

    def examples(self) -> dict[str, tuple[bytes, ...]]:
        """Whole payloads that differ, of each topic that nobody understands, at most `EXAMPLES_MAX` topics.

        At most `EXAMPLES_OF_TOPIC_MAX` for each: the first, those that differ in more than digits, and the newest.
        """
        return {topic: tuple(kept) for topic, kept in self._examples.items()}

    def _keep_example(self, message: RawMessage) -> None:
        if message.topic not in self._examples and len(self._examples) >= EXAMPLES_MAX:
            return
        kept = self._examples.setdefault(message.topic, [])
        if message.payload in kept:
            return
        kept.append(message.payload)
        if len(kept) > EXAMPLES_OF_TOPIC_MAX:
            del kept[_least(kept)]

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
        if strange.reason is QuarantineReason.UNKNOWN_DEVICE and strange.device is None and not strange.is_private:
            self._keep_example(message)
        shown = b"" if strange.is_private else message.payload[:_EXAMPLE_BYTES_MAX]
        self._apart[key] = Apart(
            topic=strange.topic,
            device=strange.device,
            reason=strange.reason,
            detail=strange.detail,
            payload=shown,
            size_bytes=size_of(message),
            newest_at=strange.received_at,
            messages=1 if before is None else before.messages + 1,
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


def _least(payloads: Sequence[bytes]) -> int:
    """Which one tells least: the oldest, but for the first, that differs from another in its digits only."""
    forms = [_DIGITS.sub(b"0", payload) for payload in payloads]
    repeated = (at for at in range(1, len(forms)) if forms.count(forms[at]) > 1)
    return next(repeated, len(forms) // 2)


def _is_of_the_hub(topic: str) -> bool:
    """What the hub itself says to devices."""
    levels = topic.split("/")
    return levels[0] == "restock" and levels[-1] in {"ack", "cmd"}
