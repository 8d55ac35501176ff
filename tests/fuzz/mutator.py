"""A seeded mutator over the samples of every profile, and the law that whatever it makes must obey.

The law: the decoder never raises, is never slow, and what it lets out is what the profile declares: a signal of its
own, in its unit, within its range, or one of its states. Everything else is kept apart.

One seed gives one row of payloads, so that a failure can be seen again.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from edge_agent.adapters.sample_runs import body_of, topic_of
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    PresenceChange,
    Quarantined,
    RawMessage,
    Reading,
)
from edge_agent.core.profile import Lookup, Profile, Signal
from edge_agent.core.registry import Registry

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLOW_S = 0.050

_HOME = "sample"
_WORD_MAX = 120
_PIECE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[\[\]{}:,]')
_ODD = (
    b'0', b'-0', b'-1', b'1', b'255', b'65535', b'1e308', b'-1e308', b'1e999', b'-1e999', b'1e-320', b'NaN',
    b'Infinity', b'-Infinity', b'9' * 60, b'9' * 4300, b'18446744073709551616', b'9223372036854775808', b'0.1', b'01',
    b'+1', b'1.', b'""', b'"1"', b'"0"', b'" 7 "', b'"NaN"', b'"unknown"', b'"none"', b'"\\u0000"', b'"\\ud800"',
    b'"\xff"', b'"%"', b'true', b'false', b'null', b'[]', b'{}', b'[null]', b'{"value":0}', b'{"":{"":0}}', b'[' * 40,
    b'[' * 20 + b']' * 20, b'"', b',', b':', b'"' + b'x' * 200 + b'"', '"²"'.encode(), '"٣"'.encode(), b'"1_000"',
    b'"0x10"', b'"1e3"', b'"--1"', b'tru',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """A sample as it would come over MQTT, and where its words, numbers and brackets stand."""

    profile: str
    topic: str
    body: bytes
    pieces: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Tally:
    """What came of many payloads. `wrong` holds the first few that broke the law, each with how."""

    payloads: int = 0
    understood: int = 0
    values: int = 0
    slowest_s: float = 0.0
    slow: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another one in."""
        self.payloads += other.payloads
        self.understood += other.understood
        self.values += other.values
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.slow += other.slow
        self.wrong = (self.wrong + other.wrong)[:20]


def origins(profiles: Iterable[Profile]) -> list[Origin]:
    """Every message of every sample."""
    found = []
    for profile in profiles:
        for sample in profile.samples:
            for message in (sample, *sample.then):
                body = body_of(message)
                pieces = tuple(each.span() for each in _PIECE.finditer(body))
                found.append(Origin(profile.profile, message.topic or sample.topic or topic_of(profile), body, pieces))
    return found


def mutations(origin: Origin, source: random.Random) -> Iterator[bytes]:
    """Endless payloads, each a few changes away from the sample."""
    while True:
        body = _CHANGES[int(source.random() * len(_CHANGES))](origin, source)
        while source.random() < 0.3:
            body = _bytewise(body, source)
        yield body


def torment(profiles: Sequence[Profile], *, count: int, seed: int) -> Tally:
    """`count` mutated payloads through one decoder that has every profile."""
    source = random.Random(seed)
    registry, laws = Registry(profiles), laws_of(profiles)
    decoders = {profile.profile: _decoder(registry, profile.profile) for profile in profiles}
    rivers = [(origin, mutations(origin, source), decoders[origin.profile]) for origin in origins(profiles)]
    tally = Tally()
    for number in range(count):
        origin, river, decoder = rivers[number % len(rivers)]
        _judge(origin, next(river), decoder, laws=laws, tally=tally)
    return tally


def breaks_law(outcome: object, laws: dict[str, dict[str, Callable[[Reading], bool]]]) -> str:
    """How an outcome breaks the law; empty when it keeps it."""
    if not isinstance(outcome, Decoded):
        return "" if isinstance(outcome, (Quarantined, Birth, PresenceChange)) else f"is {outcome!r}"
    laws_here = laws[outcome.profile]
    names = [each.signal for each in outcome.readings]
    if names != [name for name in laws_here if name in names]:
        return "does not name its signals once, and in their order"
    wrong = [each for each in outcome.readings if not laws_here[each.signal](each)]
    return f"lets out {wrong}" if wrong else ""


def laws_of(profiles: Iterable[Profile]) -> dict[str, dict[str, Callable[[Reading], bool]]]:
    """What each signal of each profile may say."""
    return {profile.profile: {name: _law(each) for name, each in profile.signals.items()} for profile in profiles}


def _decoder(registry: Registry, profile: str) -> Decoder:
    birth = Birth(DeviceId("sample"), profile, "1", "boot-1", NOW)
    return Decoder(registry, home=_HOME, limits=Limits(), birth_of=lambda _: birth)


def _judge(
    origin: Origin,
    body: bytes,
    decoder: Decoder,
    *,
    laws: dict[str, dict[str, Callable[[Reading], bool]]],
    tally: Tally,
) -> None:
    message = RawMessage(origin.topic, body, retained=False, duplicate=False, received_at=NOW, receipt=0)
    begun = time.thread_time()
    try:
        outcome: object = decoder.decode(message, now=NOW)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is the finding
        outcome = exc
    took_s = time.thread_time() - begun
    problem = breaks_law(outcome, laws)
    if took_s > SLOW_S / 10:  # the collector of garbage may have come by; a payload that is slow is so each time
        took_s = min(_again_s(message, decoder) for _ in range(3))
    tally.payloads += 1
    tally.slowest_s = max(tally.slowest_s, took_s)
    tally.slow += took_s > SLOW_S
    if isinstance(outcome, Decoded):
        tally.understood += 1
        tally.values += sum(each.presence is Presence.VALUE for each in outcome.readings)
    if problem and len(tally.wrong) < 20:
        tally.wrong.append(f"{origin.profile}: {body[:300]!r} {problem}")


def _again_s(message: RawMessage, decoder: Decoder) -> float:
    begun = time.thread_time()
    decoder.decode(message, now=NOW)
    return time.thread_time() - begun


def _law(signal: Signal) -> Callable[[Reading], bool]:
    """What a reading of this signal may be."""
    low, high = signal.range or (-math.inf, math.inf)
    lookups = [step for step in signal.transform if isinstance(step, Lookup)]
    states: set[str] = {each for step in lookups for each in step.lookup.values() if isinstance(each, str)}
    states |= {each.otherwise for each in signal.guard if each.tells_state}
    is_number = signal.range is not None

    def holds(reading: Reading) -> bool:
        if reading.unit != signal.canonical:
            return False
        if reading.presence is not Presence.VALUE:
            return reading.value is None
        if is_number:
            return type(reading.value) is float and low <= reading.value <= high
        if states:
            return reading.value in states
        return type(reading.value) is str and len(reading.value) <= _WORD_MAX and signal.signal_class == "setting"

    return holds


def _other_piece(origin: Origin, source: random.Random) -> bytes:
    """One word, number or bracket becomes something odd."""
    if not origin.pieces:
        return _bytewise(origin.body, source)
    begin, end = source.choice(origin.pieces)
    return origin.body[:begin] + source.choice(_ODD) + origin.body[end:]


def _swapped(origin: Origin, source: random.Random) -> bytes:
    """One piece of the sample in the place of another."""
    if not origin.pieces:
        return _bytewise(origin.body, source)
    (begin, end), (first, last) = source.choice(origin.pieces), source.choice(origin.pieces)
    return origin.body[:begin] + origin.body[first:last] + origin.body[end:]


def _number_changed(origin: Origin, source: random.Random) -> bytes:
    """One piece becomes a number of any size."""
    if not origin.pieces:
        return _bytewise(origin.body, source)
    begin, end = source.choice(origin.pieces)
    number = source.choice((source.randint(-300, 300), source.uniform(-1e6, 1e6), source.randint(-(2**70), 2**70)))
    return origin.body[:begin] + str(number).encode() + origin.body[end:]


def _cut(origin: Origin, source: random.Random) -> bytes:
    return origin.body[: int(source.random() * len(origin.body))]


def _changed_bytes(origin: Origin, source: random.Random) -> bytes:
    return _bytewise(origin.body, source)


def _bytewise(body: bytes, source: random.Random) -> bytes:
    """A byte or a stretch is changed, taken out, doubled or put in."""
    place = int(source.random() * (len(body) + 1))
    end = min(len(body), place + int(source.expovariate(0.2)))
    kind = int(source.random() * 4)
    if kind == 0:
        return body[:place] + bytes((int(source.random() * 256),)) + body[place + 1 :]
    if kind == 1:
        return body[:place] + body[end:]
    if kind == 2:
        return body[:end] + body[place:end] + body[end:]
    return body[:place] + source.randbytes(end - place) + body[place:]


_CHANGES = (_other_piece, _other_piece, _swapped, _number_changed, _cut, _changed_bytes)
