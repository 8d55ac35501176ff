"""One device on the wire, message by message, against every rule. Pure: no connection, no clock.

Not here: what only the device knows (that it keeps readings, that it subscribes before it announces).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from firmware_sim.conform.book import Book, Heard, Result
from firmware_sim.conform.declared import Values
from firmware_sim.conform.envelope import (
    BrokenError,
    Plain,
    Reading,
    read_birth,
    read_object,
    read_reading,
    read_state,
)
from firmware_sim.conform.numbering import Numbering
from firmware_sim.conform.presence import Presence
from firmware_sim.conform.rules import AHEAD_MAX_S, CLOCK_SKEW_MAX_S

ProfileOf = Callable[[str], Values | None]

_SEQ_MAX = 2**53


class Watch:
    """The judge of one device. `profile_of` gives the declared values of a profile id, None where it is not known."""

    def __init__(self, *, home: str, device: str, profile_of: ProfileOf) -> None:
        self._base = f"restock/v1/{home}/{device}/"
        self._device = device
        self._profile_of = profile_of
        self._declared: Values | None = None
        self._book = Book()
        self._numbering = Numbering(self._book)
        self._presence = Presence(self._book)
        self._readings = 0
        self.messages = 0

    def hear(self, heard: Heard) -> None:
        """One message from below the device's topic, in the order in which they came."""
        leaf = heard.topic.removeprefix(self._base)
        if leaf in {"ack", "cmd"}:
            if not heard.retained:
                self._hub_said(leaf, heard)
            return
        self.messages += not heard.retained
        self._book.judge("topic.leaf", None if leaf in _LEAVES else f"{leaf[:80]!r} is no topic of a device", heard)
        if leaf not in _LEAVES:
            return
        if not heard.retained:
            self._book.judge("topic.qos", None if heard.qos else "published with QoS 0", heard)
        try:
            _LEAVES[leaf](self, heard)
        except BrokenError as broken:
            self._book.fault(broken.rule, broken.problem, heard)
        else:
            self._book.keep("payload.json", "payload.size")

    def agrees(self, retained: Mapping[str, Heard]) -> bool:
        """Whether the broker keeps, by leaf, the birth and the state that were heard last."""
        return all(self._presence.is_kept(leaf, retained.get(leaf)) for leaf in ("birth", "state"))

    def results(self) -> tuple[Result, ...]:
        """Every rule as it stands so far."""
        return self._book.results()

    def close(self, now: datetime, *, retained: Mapping[str, Heard]) -> tuple[Result, ...]:
        """The end: `retained` is what the broker keeps now, by leaf."""
        self._presence.kept("birth", retained.get("birth"))
        self._presence.kept("state", retained.get("state"))
        kept = retained.get("reading")
        if kept is not None or self._readings:
            self._no_reading_kept(kept)
        self._presence.close(now)
        self._numbering.close(now)
        return self._book.results()

    def broken(self) -> Mapping[str, int]:
        """The rules that are broken so far, and how often."""
        return self._book.broken()

    def _birth(self, heard: Heard) -> None:
        birth = read_birth(heard.payload)
        self._book.keep("birth.schema")
        self._same_device(birth.device, heard)
        self._declared = self._profile_of(birth.profile)
        said = None if self._declared is not None else f"{birth.profile!r} is not known here"
        self._book.judge("birth.profile", said, heard)
        self._presence.birth(birth, heard)
        if not heard.retained:
            self._numbering.birth(birth, heard)

    def _state(self, heard: Heard) -> None:
        state = read_state(heard.payload)
        self._book.keep("state.schema")
        self._same_device(state.device, heard)
        self._presence.state(state, heard)

    def _reading(self, heard: Heard) -> None:
        if heard.retained:
            self._no_reading_kept(heard)
            return
        reading = read_reading(heard.payload)
        self._readings += 1
        self._book.keep("reading.schema")
        self._same_device(reading.device, heard)
        self._time(reading, heard)
        for name, (value, unit) in reading.values.items():
            self._value(name, value, unit, heard)
        self._presence.reading(reading, heard)
        self._numbering.reading(reading, heard)

    def _no_reading_kept(self, retained: Heard | None) -> None:
        said = None if retained is None else "the broker keeps this reading and gives it to every new subscriber"
        self._book.judge("reading.retained", said, retained)

    def _same_device(self, named: str, heard: Heard) -> None:
        said = None if named == self._device else f"the topic says {self._device!r}, the payload {named!r}"
        self._book.judge("topic.device", said, heard)

    def _time(self, reading: Reading, heard: Heard) -> None:
        ahead_s = (reading.at - heard.at).total_seconds()
        far = f"{abs(ahead_s) / 3600:.1f} hours {'ahead' if ahead_s > 0 else 'ago'}"
        self._book.judge("time.window", far if abs(ahead_s) > CLOCK_SKEW_MAX_S else None, heard)
        if ahead_s <= CLOCK_SKEW_MAX_S:
            said = f"{ahead_s / 60:.0f} minutes ahead" if ahead_s > AHEAD_MAX_S else None
            self._book.judge("time.ahead", said, heard)

    def _value(self, name: str, value: Plain, unit: str, heard: Heard) -> None:
        kind = _kind(value)
        if self._declared is None:
            return
        declared = self._declared.get(name)
        self._book.judge("values.name", None if declared else f"{name!r} is not declared", heard)
        if declared is None:
            return
        said = None if kind == declared.type else f"{name}: a {kind}, and a {declared.type} is declared"
        self._book.judge("values.type", said, heard)
        said = None if unit == declared.unit else f"{name}: {unit!r}, and {declared.unit!r} is declared"
        self._book.judge("values.unit", said, heard)
        if kind == declared.type == "number" and declared.low is not None and declared.high is not None:
            inside = declared.low <= float(value) <= declared.high
            said = None if inside else f"{name}: {value} is not within {declared.low:g} to {declared.high:g}"
            self._book.judge("values.range", said, heard)

    def _hub_said(self, leaf: str, heard: Heard) -> None:
        """Acknowledgements and commands are the hub's; what is none of the known forms says nothing of the device."""
        try:
            words = read_object(heard.payload)
        except BrokenError:
            return
        if leaf == "cmd" and words.get("cmd") == "rebirth":
            self._presence.rebirth_asked(heard)
        boot, seq = words.get("boot"), words.get("seq")
        if leaf == "ack" and isinstance(boot, str) and type(seq) is int and 1 <= seq <= _SEQ_MAX:
            self._numbering.ack(boot, seq, at=heard.at)


_LEAVES: Mapping[str, Callable[[Watch, Heard], None]] = {
    "birth": Watch._birth,  # noqa: SLF001 - the table of this class's own methods
    "state": Watch._state,  # noqa: SLF001
    "reading": Watch._reading,  # noqa: SLF001
}


def _kind(value: Plain) -> str:
    if isinstance(value, bool):
        return "flag"
    return "text" if isinstance(value, str) else "number"
