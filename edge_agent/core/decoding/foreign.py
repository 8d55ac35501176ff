"""Messages of devices that do not speak the Restock-native protocol: the profile that fits, and what it makes of them.

A device that sends changes only has a picture in which they come together. Of each message only what it tells goes
out, by the rules of `core.decoding.changes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from urllib.parse import quote

from edge_agent.core.decoding.changes import news
from edge_agent.core.decoding.extract import Readings
from edge_agent.core.decoding.merging import Pictures
from edge_agent.core.decoding.parting import parted
from edge_agent.core.decoding.payload import MISSING, Found, Missing, Tree, pointer_steps, select
from edge_agent.core.decoding.raw import digest_of, refuse_retained, unknown_device
from edge_agent.core.decoding.times import event_time
from edge_agent.core.explain import untold
from edge_agent.core.messages import Decoded, DeviceId, Presence, RawMessage, Reading
from edge_agent.core.registry import Candidate, Registry
from edge_agent.core.topics import device_id, in_family
from edge_agent.errors import DecodeError

_EXPLAINED_MAX = 1_000  # devices


class ForeignDevices:
    """Understands what they send, and remembers the picture of each that sends changes only.

    It says of each signal without a value why it has none, for a person who looks: in a message of a device at most
    every `explains_every_s`, since the reasons cost more than the reading; None for never.
    """

    def __init__(self, registry: Registry, *, explains_every_s: float | None = None) -> None:
        self._registry = registry
        self._explains_every_s = explains_every_s
        self._explained: dict[DeviceId, datetime] = {}
        self._pictures = Pictures()

    def understand(self, message: RawMessage, *, now: datetime) -> Decoded:
        """One message that came `now`.

        Raises: DecodeError with the reason why it is to be kept apart.
        """
        candidates = self._registry.candidates(message.topic)
        if not candidates:
            raise unknown_device("no profile is for this topic")
        if message.retained:
            self._note(candidates, message.payload)
            refuse_retained(message)
        by, tree, change = self._fitting(candidates, message)
        ready = by.ready
        told = ready.read(tree, now)
        if isinstance(change, Missing):
            _refuse_nothing_but_faults(told)
        else:
            told = self._news(by, told, ready.told_by(change, tree))
        events = _events(told, ready.events) if message.duplicate else ()
        # Of changes only, a time that came before says nothing of when this one was measured.
        timed = tree if isinstance(change, Missing) else change
        device = by.device if not ready.profile.match.identity else _device_of(by, tree)
        decoded = Decoded(
            device=device,
            profile=ready.profile.profile,
            topic=message.topic,
            boot=None,
            seq=None,
            digest=digest_of(message),
            event_at=event_time(timed, ready.profile.freshness, received_at=message.received_at, now=now),
            received_at=message.received_at,
            duplicate=message.duplicate and not events,
            readings=events or told.readings,
            untold=untold(ready.profile, tree, told=told, now=now) if self._explains_now(device, now) else (),
            faults=tuple([each.error.detail for each in told.faults]) if told.faults else (),
            suggestions=ready.suggest(tree) if ready.suggest is not None else (),
        )
        return parted(decoded, ready.in_passing) if ready.in_passing else decoded

    def is_private(self, topic: str) -> bool:
        """Whether what comes on this topic may hold what is never kept."""
        return self._registry.is_private(topic)

    def whose(self, message: RawMessage) -> DeviceId | None:
        """Which device a copy is of that tells nothing itself; None where only what came before it would say that.

        Nothing of it is remembered.
        """
        candidates = self._registry.candidates(message.topic)
        for group in self._registry.groups(message.topic):
            with suppress(DecodeError):
                tree = candidates[group.first].ready.decode(message.payload)
                if (number := group.pick(tree)) is not None:
                    found = candidates[number]
                    return _device_of(found, tree) if found.profile.match.identity else found.device
        # A profile that puts a device together of many messages knows it by its topic alone.
        named = {each.device for each in candidates if each.profile.merge != "snapshot"}
        return named.pop() if len(named) == 1 else None

    def _explains_now(self, device: DeviceId, now: datetime) -> bool:
        if self._explains_every_s is None:
            return False
        last = self._explained.get(device)
        if last is None and len(self._explained) >= _EXPLAINED_MAX:
            return False
        if last is not None and abs((now - last).total_seconds()) < self._explains_every_s:
            return False
        self._explained[device] = now
        return True

    def _fitting(self, candidates: Sequence[Candidate], message: RawMessage) -> tuple[Candidate, Tree, Found]:
        """The first candidate whose conditions hold, everything that is known of the device, and what came of it.

        What came is MISSING where that is everything. Each decoding is done once.
        """
        decoded: dict[str, Tree] = {}
        refused: DecodeError | None = None
        for group in self._registry.groups(message.topic):
            try:
                tree, change = self._tree(candidates[group.first], message.payload, decoded)
            except DecodeError as exc:
                refused = refused or exc
                continue
            number = group.pick(tree)
            if number is not None:
                return candidates[number], tree, change
        raise refused or unknown_device("no profile for this topic fits the content")

    def _tree(self, candidate: Candidate, payload: bytes, decoded: dict[str, Tree]) -> tuple[Tree, Found]:
        """The last two of them, for one candidate."""
        ready = candidate.ready
        if ready.shared not in decoded:
            decoded[ready.shared] = ready.decode(payload)
        tree, profile = decoded[ready.shared], ready.profile
        if profile.merge == "snapshot":
            return tree, MISSING
        if profile.merge == "delta":
            return self._pictures.delta(profile.profile, candidate.device, tree), tree
        value = tree["text"] if profile.decode.format == "text" and isinstance(tree, dict) else tree
        key = candidate.key or ""
        return self._pictures.one(profile.profile, candidate.device, key=key, value=value), {key: value}

    def _news(self, by: Candidate, whole: Readings, told: Sequence[bool]) -> Readings:
        """What the message tells, and remember that it was said."""
        said = self._pictures.said(by.profile.profile, by.device)
        fresh = news(whole, told, said=said)
        _refuse_nothing_but_faults(fresh)
        said.update({reading.signal: reading.presence for reading in fresh.readings})
        return fresh

    def _note(self, candidates: Sequence[Candidate], payload: bytes) -> None:
        """Keep what a retained copy says where it only helps to understand what comes later."""
        for candidate in candidates:
            if candidate.key in candidate.ready.context_keys:
                with suppress(DecodeError):
                    self._tree(candidate, payload, {})


def _refuse_nothing_but_faults(told: Readings) -> None:
    """A message that tells no value, and contradicts its profile, is kept apart as a whole."""
    if told.faults and not any(reading.presence is Presence.VALUE for reading in told.readings):
        raise told.faults[0].error


def _events(told: Readings, names: frozenset[str]) -> tuple[Reading, ...]:
    """What counts in a message that the broker delivers once more, whether or not the first copy came."""
    return tuple(each for each in told.readings if each.signal in names and each.presence is Presence.VALUE)


def _device_of(chosen: Candidate, tree: Tree) -> DeviceId:
    """The device that the topic names together with the payload, by `match.identity`."""
    places = chosen.profile.match.identity
    told = [select(tree, pointer_steps(place)) for place in places]
    words = [quote(str(each), safe=" ") for each in told if type(each) in {str, int} and each != ""]
    if len(words) != len(places):
        raise unknown_device("the payload does not say which device it is of")
    family, _, name = chosen.device.partition(".")
    return in_family(family, device_id("/".join([name, *words])))
