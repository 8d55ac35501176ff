"""Births, states, last wills and commands as an observer hears them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from firmware_sim.conform.book import Book, Heard
from firmware_sim.conform.envelope import Birth, Reading, State
from firmware_sim.conform.rules import ONLINE_WITHIN_S, REBIRTH_WITHIN_S

_BOOTS_MAX = 256


@dataclass(frozen=True, slots=True)
class _Due:
    """Something that must come after a message."""

    heard: Heard
    boot: str = ""

    def is_late(self, now: datetime, *, within_s: float) -> bool:
        return (now - self.heard.at).total_seconds() > within_s


class Presence:
    """What one device says of itself. Writes into the book what it finds."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._birth: Birth | None = None
        self._born: dict[str, None] = {}  # boots with a birth
        self._state: State | None = None
        self._orphan: Heard | None = None  # the first reading while no birth was known
        self._orphan_boots: dict[str, None] = {}
        self._asked: _Due | None = None
        self._expects_online: _Due | None = None
        self._latest: dict[str, Heard] = {}  # birth and state, as heard last

    def birth(self, birth: Birth, heard: Heard) -> None:
        """A birth, live or as the broker had kept it."""
        self._book.keep("birth.sent")
        self._birth = birth
        _remember(self._born, birth.boot)
        self._latest["birth"] = heard
        if heard.retained:
            return
        late = birth.boot in self._orphan_boots
        self._book.judge("birth.before", f"boot {birth.boot} had sent readings before" if late else None, heard)
        there = self._state is not None and self._state.online and self._state.boot == birth.boot
        self._expects_online = None if there else _Due(heard, birth.boot)
        if self._asked is not None:
            slow = self._asked.is_late(heard.at, within_s=REBIRTH_WITHIN_S)
            self._book.judge("cmd.rebirth", "the birth came too late" if slow else None, heard)
            self._asked = None

    def state(self, state: State, heard: Heard) -> None:
        """A state, live or as the broker had kept it."""
        before, self._state = self._state, state
        self._latest["state"] = heard
        if heard.retained:
            return
        if state.online:
            self._online(state, before, heard)
        else:
            self._offline(state, before, heard)

    def reading(self, reading: Reading, heard: Heard) -> None:
        """A reading, live."""
        offline = self._state is not None and not self._state.online
        if self._state is not None:
            self._book.judge("state.current", "the state says offline" if offline else None, heard)
        if reading.boot in self._born:
            return
        if self._birth is None:
            self._orphan = self._orphan or heard
            _remember(self._orphan_boots, reading.boot)
        elif reading.at >= self._birth.at:  # an older one is from before that birth, held over a restart
            said = f"boot {reading.boot} has no birth; the last one is of boot {self._birth.boot}"
            self._book.fault("birth.before", said, heard)

    def rebirth_asked(self, heard: Heard) -> None:
        """Somebody said rebirth on the device's cmd topic."""
        self._asked = self._asked or _Due(heard)

    def close(self, now: datetime) -> None:
        """The end of listening."""
        if self._birth is None and self._orphan is not None:
            self._book.fault("birth.sent", "readings came, and no birth", self._orphan)
        if self._asked is not None and self._asked.is_late(now, within_s=REBIRTH_WITHIN_S):
            self._book.fault("cmd.rebirth", "no birth came", self._asked.heard)
        due = self._expects_online
        if due is not None and due.is_late(now, within_s=ONLINE_WITHIN_S):
            self._book.fault("state.online", f"no online came for boot {due.boot}", due.heard)

    def is_kept(self, leaf: str, retained: Heard | None) -> bool:
        """Whether the last `birth` or `state` that was heard is what the broker keeps; so too where none was heard."""
        latest = self._latest.get(leaf)
        return latest is None or (retained is not None and retained.payload == latest.payload)

    def kept(self, leaf: str, retained: Heard | None) -> None:
        """What the broker keeps of `birth` or `state` when listening is over."""
        latest = self._latest.get(leaf)
        if latest is None:
            return
        said = "nothing is retained" if retained is None else "an older one is retained"
        self._book.judge(f"{leaf}.retained", None if self.is_kept(leaf, retained) else said, latest)

    def _online(self, state: State, before: State | None, heard: Heard) -> None:
        if state.boot not in self._born:
            self._book.fault("birth.before", f"boot {state.boot} says online without a birth", heard)
        right = self._birth is None or state.boot == self._birth.boot
        said = None if right else f"online names another boot than the birth, {self._birth and self._birth.boot}"
        self._book.judge("state.online", said, heard)
        self._expects_online = None
        if before is not None and before.online and before.boot != state.boot:
            self._book.fault("will.offline", f"nobody said that boot {before.boot} is offline", heard)

    def _offline(self, state: State, before: State | None, heard: Heard) -> None:
        if before is None or (not before.online and before.boot == state.boot):
            return
        wrong = before.online and before.boot != state.boot
        said = f"boot {state.boot} goes offline after boot {before.boot} came online" if wrong else None
        self._book.judge("will.offline", said, heard)


def _remember(known: dict[str, None], boot: str) -> None:
    known[boot] = None
    if len(known) > _BOOTS_MAX:
        del known[next(iter(known))]
