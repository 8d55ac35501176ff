"""What a profile makes of its own samples, and which of its signals no sample shows with a value.

A sample that promises `unknown` is kept by a profile that reads nothing at all. So what was never read is told apart
from what is unknown with reason: a guard, a sentinel, a null or a word that says nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.core.decode import Decoder, Limits, Outcome
from edge_agent.core.decoding.payload import Tree, TreeLimits, pointer_steps, select
from edge_agent.core.drafting.redaction import REDACTED, pointer
from edge_agent.core.formats.decoding import decoder
from edge_agent.core.messages import Birth, Decoded, DeviceId, Presence, RawMessage, Reading
from edge_agent.core.profile import Message, Profile, Sample, Signal
from edge_agent.core.registry import Registry
from edge_agent.errors import DecodeError

HOME = "sample"
SAMPLES_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)  # the hub's time while it runs a sample
_DEVICE = DeviceId("sample")
_OPEN = {"{device}": str(_DEVICE), "+": "any", "{key}": "key", "{key+}": "key"}
_TAKEN_OUT = f" reads {REDACTED}: it was taken out of the sample, for it may be private"
_READ = ("guard: ", "lookup: ", "the payload says ")  # how a reason begins where something was found


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a sample: of its last message, and what each signal was told last, with why it has no value."""

    outcome: Outcome
    told: tuple[Reading, ...]
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unread:
    """A signal that has a value in no sample. `found` where something stood at its place all the same.

    `taken_out` where its place is private in every sample that would have it.
    """

    signal: str
    why: str
    found: bool
    taken_out: bool


def run_sample(profile: Profile, sample: Sample) -> Run:
    """Its messages in turn, as the first ones that the hub hears of the device."""
    birth = Birth(_DEVICE, profile.profile, "sample", "boot-1", SAMPLES_AT)
    decode = Decoder(
        Registry([profile]), home=HOME, limits=Limits(), birth_of=lambda _: birth, explains_every_s=0.0
    ).decode
    told = {name: Reading(name, Presence.UNKNOWN, None, each.canonical) for name, each in profile.signals.items()}
    why: dict[str, str] = {}
    for message in (sample, *sample.then):
        topic = message.topic or sample.topic or topic_of(profile)
        raw = RawMessage(topic, body_of(message), retained=False, duplicate=False, received_at=SAMPLES_AT, receipt=0)
        outcome = decode(raw, now=SAMPLES_AT)
        if isinstance(outcome, Decoded):
            said = (*outcome.readings, *outcome.in_passing)
            told |= {each.signal: each for each in said}
            why |= {each.signal: "" for each in said}
            why |= dict(each.split(": ", 1) for each in (*outcome.faults, *outcome.untold))
    for name in told.keys() & why.keys():
        if why[name] and (taken := _taken_out(profile.signals[name], profile, sample)):
            why[name] = taken
    return Run(outcome, tuple(told.values()), {name: each for name, each in why.items() if each})


def unread(profile: Profile, runs: Sequence[Run]) -> tuple[Unread, ...]:
    """Every signal that no sample gives a value, nor says that there is no such part."""
    understood = [each for each in runs if isinstance(each.outcome, Decoded)]
    seen = {one.signal for each in understood for one in each.told if one.presence is not Presence.UNKNOWN}
    return tuple(_unread(name, understood) for name in profile.signals if name not in seen)


def _unread(name: str, runs: Sequence[Run]) -> Unread:
    whys = [each.why[name] for each in runs if name in each.why]
    found = next((why for why in whys if why.startswith(_READ)), "")
    taken_out = next((why for why in whys if why.endswith(_TAKEN_OUT)), "")
    why = found or taken_out or next(iter(whys), "no sample says anything of it")
    return Unread(name, why, found=bool(found), taken_out=bool(taken_out) and not found)


def body_of(message: Message) -> bytes:
    """The bytes that a message of a sample stands for."""
    if message.text is not None:
        return message.text.encode()
    if message.hex is not None:
        return bytes.fromhex(message.hex)
    if message.base64 is not None:
        return base64.b64decode(message.base64, validate=True)
    return json.dumps(message.payload, ensure_ascii=False).encode()


def topic_of(profile: Profile) -> str:
    """A topic that the profile is for: its first pattern, with names of ours."""
    if not profile.match.patterns:
        return f"restock/v1/{HOME}/{_DEVICE}/reading"
    levels = profile.match.patterns[0].split("/")
    return "/".join(_OPEN.get(level, level) for level in levels)


def _taken_out(signal: Signal, profile: Profile, sample: Sample) -> str:
    """That the place of a signal, or one around it, was taken out of a sample when it was drafted; else empty."""
    for place in (signal.select or "", *signal.instead):
        steps = pointer_steps(place) if place.startswith("/") else ()
        for tree in _trees(profile, sample):
            for depth in range(1, len(steps) + 1):
                if select(tree, steps[:depth]) == REDACTED:
                    return f"{pointer(steps[:depth])}{_TAKEN_OUT}"
    return ""


def _trees(profile: Profile, sample: Sample) -> Iterator[Tree]:
    """Each message as it came, and with the JSON in its texts opened: what else is inside cannot be REDACTED."""
    opened = tuple(each for each in profile.decode.inner if each.format == "json")
    for inner in dict.fromkeys(((), opened)):
        decode = decoder(profile.decode.model_copy(update={"inner": inner}), TreeLimits())
        for message in (sample, *sample.then):
            try:
                yield decode(body_of(message))
            except DecodeError:
                continue
