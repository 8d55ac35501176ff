"""Samples for a profile that was imported: what the device was heard to say, or else what it says that it would send.

What is expected of each is what the profile makes of it, so a sample of this kind pins how the file reads from now on;
whether that is right, a person sees on the device.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from edge_agent.core.decode import Decoder, Limits, Outcome
from edge_agent.core.decoding.extract import reader
from edge_agent.core.decoding.payload import Tree, pointer_steps
from edge_agent.core.importing.device import Announcement, Channel, ImportedDevice, NotReadableError, tree_of
from edge_agent.core.messages import Decoded, Presence, Quarantined, RawMessage
from edge_agent.core.profile import Profile
from edge_agent.core.quantity import converter
from edge_agent.core.registry import Registry

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)  # no sample depends on the time
_RECORDED_MAX = 3
_BYTES_MAX = 16_384
_HOME = "sample"
_TRIES: tuple[float, ...] = (50, 1, 10, 100, 1_000, 0)


def with_samples(
    document: dict[str, Tree], channels: Sequence[Channel], *, device: ImportedDevice, recorded: Sequence[Announcement]
) -> dict[str, Tree]:
    """The document with at least one sample. Raises: pydantic's ValidationError for a document that is no profile."""
    given = document.get("samples")
    if given:
        return document
    dummy: Tree = {"name": "to be made", "text": "-", "quarantine": "malformed"}
    profile = Profile.model_validate_json(json.dumps(document | {"samples": [dummy]}))
    samples = list(_recorded(profile, recorded)) or list(_made(profile, channels, device=device))
    return document | {"samples": list(samples[:_RECORDED_MAX])}


def _recorded(profile: Profile, recorded: Iterable[Announcement]) -> Iterator[Tree]:
    topics, number = set(profile.match.patterns), 0
    for message in recorded:
        if message.topic not in topics or len(message.payload) > _BYTES_MAX or number >= _RECORDED_MAX:
            continue
        body = _body(profile, message.payload)
        expected = None if body is None else _expected(profile, message.topic, message.payload)
        if body is not None and expected is not None:
            number += 1
            yield {"name": f"recorded at the import, {number}", "topic": message.topic, **body, **expected}


def _body(profile: Profile, payload: bytes) -> dict[str, Tree] | None:
    match profile.decode.format:
        case "json":
            try:
                return {"payload": tree_of(payload)}
            except NotReadableError:
                return None
        case "text":
            try:
                return {"text": payload.decode()}
            except UnicodeDecodeError:
                return None
    return {"hex": payload.hex()}


def _made(profile: Profile, channels: Sequence[Channel], *, device: ImportedDevice) -> Iterator[Tree]:
    name = "made of what the device says of itself, not recorded"
    topic = profile.match.patterns[0].replace("+", "any")
    match profile.decode.format:
        case "sparkplug_b":
            payload = bytes.fromhex(str(device.sample))
            body: dict[str, Tree] = {"hex": payload.hex()}
        case "text":
            text = _text(profile, channels[0])
            payload, body = text.encode(), {"text": text}
        case _:
            tree = device.sample if device.sample is not None else _tree(profile, channels)
            payload, body = json.dumps(tree, ensure_ascii=False).encode(), {"payload": tree}
    expected = _expected(profile, topic, payload) or {"quarantine": "unknown_device"}
    yield {"name": name, "topic": topic, **body, **expected}


def _expected(profile: Profile, topic: str, payload: bytes) -> dict[str, Tree] | None:
    """What the profile makes of it; None where the message is none of its own."""
    outcome = _outcome(profile, topic, payload)
    if isinstance(outcome, Quarantined):
        return None if outcome.reason == "unknown_device" else {"quarantine": str(outcome.reason)}
    if not isinstance(outcome, Decoded):
        return None
    expect: dict[str, Tree] = {}
    for reading in outcome.readings:
        if reading.presence is Presence.VALUE:
            value: dict[str, Tree] = {"value": reading.value}
            expect[reading.signal] = value | ({"unit": reading.unit} if reading.unit else {})
        else:
            expect[reading.signal] = str(reading.presence)
    return {"expect": expect}


def _outcome(profile: Profile, topic: str, payload: bytes) -> Outcome:
    decoder = Decoder(Registry([profile]), home=_HOME, limits=Limits(), birth_of=lambda _: None)
    message = RawMessage(topic, payload, retained=False, duplicate=False, received_at=_NOW, receipt=0)
    return decoder.decode(message, now=_NOW)


def _tree(profile: Profile, channels: Sequence[Channel]) -> Tree:
    """A payload that has every channel, and what its guards ask for."""
    lists = {str(guard["path"]) for each in channels for guard in each.guard if guard.get("type") == "array"}
    tree: dict[str, Tree] = {}
    for channel in channels:
        for guard in channel.guard:
            if "eq" in guard:
                _put(tree, pointer_steps(str(guard["path"])), guard["eq"])
        _put(tree, pointer_steps(channel.select), _value(profile, channel))
    for path in sorted(lists, key=len, reverse=True):  # the innermost first
        _as_list(tree, pointer_steps(path))
    return tree


def _put(tree: dict[str, Tree], steps: Sequence[str], value: Tree) -> None:
    here = tree
    for step in steps[:-1]:
        inner = here.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = here[step] = {}
        here = inner
    here[steps[-1]] = value


def _as_list(tree: dict[str, Tree], steps: Sequence[str]) -> None:
    here = tree
    for step in steps[:-1]:
        inner = here.get(step)
        if not isinstance(inner, dict):
            return
        here = inner
    found = here.get(steps[-1])
    if isinstance(found, dict) and found:
        last = max(int(each) for each in found if each.isdigit())
        here[steps[-1]] = [found.get(str(number)) for number in range(last + 1)]


def _text(profile: Profile, channel: Channel) -> str:
    value = _value(profile, channel)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(profile: Profile, channel: Channel) -> Tree:
    """A value in the device's own terms that the profile reads as one, where there is such a value."""
    signal = next(each for each in profile.signals.values() if each.select == channel.select)
    if signal.parse == "flag":
        word = channel.off[0] if channel.off else "false"
        return {"true": True, "false": False}.get(word, word) if channel.format == "json" else word
    if signal.parse == "text":
        words = channel.words or tuple(_lookup_words(profile, channel))
        return words[0] if words else "text"
    low, high = signal.range or (0.0, 100.0)
    middle = (low + high) / 2
    if signal.unit is not None and signal.unit.source is not None:
        middle = converter(signal.canonical, target=signal.unit.source)(middle)
    tries = [round(middle / channel.scale, 3), *_TRIES]
    good = next((each for each in tries if _reads(profile, channel, each)), tries[0])
    return int(good) if float(good).is_integer() else good


def _reads(profile: Profile, channel: Channel, value: float) -> bool:
    tree: dict[str, Tree] = {}
    for guard in channel.guard:
        if "eq" in guard:
            _put(tree, pointer_steps(str(guard["path"])), guard["eq"])
    _put(tree, pointer_steps(channel.select), value)
    by_name = {each.signal: each.presence for each in reader(profile)(tree, _NOW).readings}
    return any(
        by_name[name] is Presence.VALUE for name, each in profile.signals.items() if each.select == channel.select
    )


def _lookup_words(profile: Profile, channel: Channel) -> Iterator[str]:
    for signal in profile.signals.values():
        if signal.select == channel.select:
            for step in signal.transform:
                yield from getattr(step, "lookup", {})
