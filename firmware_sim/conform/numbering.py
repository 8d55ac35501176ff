"""Boots and seqs as an observer hears them: gaps, order, repetitions, what is sent again, and how often. Pure.

An observer may come in the middle: what a boot said before that is not known and not held against the device. After a
birth that was heard live everything from its `first_seq` on is expected.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from firmware_sim.conform.book import Book, Heard
from firmware_sim.conform.envelope import Birth, Reading
from firmware_sim.conform.rules import BACK_MAX_S, FILL_WITHIN_S, READINGS_A_MINUTE_MAX

_BOOTS_MAX = 64
_SEQS_MAX = 50_000
_MINUTE = timedelta(minutes=1)
_SURELY_S = 1.0  # a device that speaks so long after an ack has had it


@dataclass(slots=True)
class _Boot:
    digests: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    highest: int | None = None
    highest_at: datetime | None = None  # by the device's time
    highest_heard_at: datetime | None = None  # by the observer's
    first_held: int = 0
    acked: int = 0
    acked_at: datetime | None = None
    heeded: int = 0  # acknowledged, and the device was connected then
    settled: int = 0  # what `heeded` was at the latest birth
    born_at: datetime | None = None  # the latest birth that was heard live
    missing: dict[int, datetime] = field(default_factory=dict)
    awaited: set[int] = field(default_factory=set)


class Numbering:
    """The readings of one device by boot and seq. Writes into the book what it finds."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._boots: OrderedDict[str, _Boot] = OrderedDict()
        self._taken: deque[datetime] = deque()
        self._acks_heard = False

    def birth(self, birth: Birth, heard: Heard) -> None:
        """A birth that was heard live: from now on everything from its first seq is expected, in order."""
        first, others = birth.first_seq, len(self._boots)
        boot = self._boot(birth.boot)
        if others and len(self._boots) > others:
            self._book.keep("boot.new")
        if first < boot.first_held:
            self._book.fault(
                "birth.first_seq", f"first_seq was {boot.first_held} in this boot and is {first} now", heard
            )
        boot.first_held = max(first, boot.first_held)
        boot.missing = {seq: at for seq, at in boot.missing.items() if seq >= first}
        boot.highest = first - 1 if boot.highest is None else max(boot.highest, first - 1)
        boot.awaited = {seq for seq in boot.digests if seq > boot.acked and seq >= first}
        boot.settled, boot.born_at = boot.heeded, heard.at

    def ack(self, name: str, seq: int, *, at: datetime) -> None:
        """The hub acknowledged."""
        self._acks_heard = True
        boot = self._boot(name)
        boot.acked, boot.acked_at = max(boot.acked, seq), at
        boot.awaited = {each for each in boot.awaited if each > seq}

    def reading(self, reading: Reading, heard: Heard) -> None:
        """One reading, sound in itself."""
        boot = self._boot(reading.boot)
        self._note_acks(boot, heard.at)
        if boot.first_held:
            older = reading.seq < boot.first_held
            self._book.judge(
                "birth.first_seq",
                f"seq {reading.seq}, and the birth said that {boot.first_held} is the oldest" if older else None,
                heard,
            )
        if boot.settled:
            done = reading.seq <= boot.settled
            said = f"seq {reading.seq}, and up to {boot.settled} was acknowledged" if done else None
            self._book.judge("ack.heeded", said, heard)
        digest = sha256(heard.payload).digest()
        known = boot.digests.get(reading.seq)
        if known is None:
            self._first_time(boot, reading, heard)
            self._remember(boot, reading.seq, digest)
        else:
            self._again(boot, reading, heard, same=known == digest)

    def close(self, now: datetime) -> None:
        """The end of listening: what is missing by now stays so."""
        for name, boot in self._boots.items():
            late = [seq for seq, since in boot.missing.items() if _waited(since, now)]
            if late:
                self._book.fault("seq.gap", f"boot {name}: {_named(late)} never came")
            if self._acks_heard and boot.awaited and boot.born_at is not None and _waited(boot.born_at, now):
                said = f"boot {name}: {_named(boot.awaited)} had no ack and did not come again after the birth"
                self._book.fault("birth.resend", said)

    def _first_time(self, boot: _Boot, reading: Reading, heard: Heard) -> None:
        self._rate(reading, heard)
        seq, highest, before = reading.seq, boot.highest, boot.highest_at
        if highest is None or seq > highest:
            if highest is not None:
                self._gap(boot, range(highest + 1, seq), heard.at)
            self._clock(reading, before, heard)
            boot.highest, boot.highest_at, boot.highest_heard_at = seq, reading.at, heard.at
            return
        boot.missing.pop(seq, None)
        if before is not None and reading.at > before:
            said = f"seq {seq} of boot {reading.boot} is new, and was taken after seq {highest} of the same boot"
            self._book.fault("boot.new", said, heard)
        elif boot.born_at is None or (boot.highest_heard_at is not None and boot.born_at < boot.highest_heard_at):
            self._book.fault("seq.order", f"seq {seq} came after seq {highest}", heard)

    def _again(self, boot: _Boot, reading: Reading, heard: Heard, *, same: bool) -> None:
        self._book.judge("seq.same", None if same else f"seq {reading.seq} came before with other bytes", heard)
        if not same and boot.highest_at is not None and reading.at > boot.highest_at:
            self._book.fault("boot.new", f"boot {reading.boot} begins again at seq {reading.seq}", heard)
        if reading.seq in boot.awaited:
            boot.awaited.discard(reading.seq)
            if not boot.awaited:
                self._book.keep("birth.resend")

    def _gap(self, boot: _Boot, missed: range, at: datetime) -> None:
        if not missed:
            self._book.keep("seq.gap", "seq.order")
        for seq in missed[:_SEQS_MAX]:
            boot.missing[seq] = at

    def _clock(self, reading: Reading, before: datetime | None, heard: Heard) -> None:
        if before is None:
            return
        back_s = (before - reading.at).total_seconds()
        said = f"{back_s:.0f} seconds before the reading before it" if back_s > BACK_MAX_S else None
        self._book.judge("time.order", said, heard)

    def _rate(self, reading: Reading, heard: Heard) -> None:
        """By the device's own times: what was held while the broker was away comes in one burst, and may."""
        self._taken.append(reading.at)
        while self._taken and not timedelta(0) <= reading.at - self._taken[0] < _MINUTE:
            self._taken.popleft()
        count = len(self._taken)
        said = f"{count} readings in one minute" if count > READINGS_A_MINUTE_MAX else None
        self._book.judge("rate.limit", said, heard)

    def _note_acks(self, boot: _Boot, now: datetime) -> None:
        """A device that has not announced itself anew since an ack, and speaks, was connected when it came."""
        if boot.acked_at is None or (boot.born_at is not None and boot.born_at >= boot.acked_at):
            return
        if (now - boot.acked_at).total_seconds() > _SURELY_S:
            boot.heeded = boot.acked

    def _remember(self, boot: _Boot, seq: int, digest: bytes) -> None:
        boot.digests[seq] = digest
        if len(boot.digests) > _SEQS_MAX:
            boot.digests.popitem(last=False)

    def _boot(self, name: str) -> _Boot:
        if name not in self._boots:
            self._boots[name] = _Boot()
            if len(self._boots) > _BOOTS_MAX:
                self._boots.popitem(last=False)
        return self._boots[name]


def _waited(since: datetime, now: datetime) -> bool:
    return (now - since).total_seconds() > FILL_WITHIN_S


def _named(seqs: list[int] | set[int]) -> str:
    ordered = sorted(seqs)
    more = f" and {len(ordered) - 5} more" if len(ordered) > 5 else ""
    return f"seq {', '.join(str(seq) for seq in ordered[:5])}{more}"
