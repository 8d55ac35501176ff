"""A device's memory of its readings: which were sent, which the broker has, which the hub promised to keep.

Pure, no I/O. Readings of one boot carry seq 1, 2, 3 ... without a gap; each is kept until the hub acknowledges it and
is sent again under the same boot and seq after a reconnect. When the memory is full a new reading is not taken at all,
so that no seq is ever missing. A restart forgets what the hub has not acknowledged; that is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BootCounters:
    """One boot. `published` counts seqs that were sent at least once, so they are 1 to `published`.

    `pubacked` are the seqs that the broker acknowledged, as ranges (first, last). `promised_up_to` is the highest seq
    that the hub acknowledged; by the protocol it has stored everything from the first seq that it saw up to this one.
    `dropped` readings were forgotten in a restart before they were acknowledged; the broker may have them all the same.
    """

    boot: str
    taken: int
    published: int
    pubacked: tuple[tuple[int, int], ...]
    promised_up_to: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reading on its way out."""

    boot: str
    seq: int
    payload: bytes


class _Boot:
    """The books of one boot."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.taken = 0
        self.sent = 0  # highest seq sent in this connection
        self.ever_sent = 0
        self.acked = 0
        self.dropped = 0
        self.pubacked: set[int] = set()

    def counters(self) -> BootCounters:
        return BootCounters(
            boot=self.boot,
            taken=self.taken,
            published=self.ever_sent,
            pubacked=ranges(self.pubacked),
            promised_up_to=self.acked,
            dropped=self.dropped,
        )


def ranges(seqs: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Numbers as inclusive ranges (first, last), in order."""
    found: list[tuple[int, int]] = []
    for seq in sorted(seqs):
        if found and found[-1][1] == seq - 1:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return tuple(found)


class Ledger:
    """The readings of one device over all its boots.

    `refused` readings were not taken because the memory was full, `resent` counts sendings after the first one,
    `wrong_acks` counts acknowledgements for a boot or seq that was never sent.
    """

    def __init__(self, boot: str, *, pending_max: int) -> None:
        self._pending_max = pending_max
        self._boots = {boot: _Boot(boot)}
        self._current = self._boots[boot]
        self._pending: dict[int, bytes] = {}
        self.refused = 0
        self.resent = 0
        self.wrong_acks = 0
        self._last: Outgoing | None = None

    @property
    def boot(self) -> str:
        """The current boot."""
        return self._current.boot

    @property
    def pending(self) -> int:
        """How many readings the hub has not acknowledged yet."""
        return len(self._pending)

    @property
    def first_held(self) -> int:
        """The oldest reading of this boot that is still here; the next one where there is none."""
        return next(iter(self._pending), self._current.taken + 1)

    @property
    def last(self) -> Outgoing | None:
        """The reading that was sent last."""
        return self._last

    def take(self, encode: Callable[[str, int], bytes]) -> bool:
        """Keep a new reading, `encode(boot, seq)`; False when the memory is full."""
        if len(self._pending) >= self._pending_max:
            self.refused += 1
            return False
        self._current.taken += 1
        self._pending[self._current.taken] = encode(self.boot, self._current.taken)
        return True

    def next_to_send(self) -> Outgoing | None:
        """The oldest reading that was not sent in this connection; it counts as sent from now on."""
        current = self._current
        seq = max(current.sent, current.acked) + 1
        if seq > current.taken:
            return None
        current.sent = seq
        self.resent += seq <= current.ever_sent
        current.ever_sent = max(current.ever_sent, seq)
        self._last = Outgoing(self.boot, seq, self._pending[seq])
        return self._last

    def pubacked(self, outgoing: Outgoing) -> None:
        """The broker has it."""
        self._boots[outgoing.boot].pubacked.add(outgoing.seq)

    def acknowledged(self, boot: str, seq: int) -> None:
        """The hub has stored everything up to `seq`: forget it."""
        known = self._boots.get(boot)
        if known is None or not 1 <= seq <= known.ever_sent:
            self.wrong_acks += 1
            return
        known.acked = max(known.acked, seq)
        if known is self._current:
            while self._pending and next(iter(self._pending)) <= seq:
                del self._pending[next(iter(self._pending))]

    def send_again(self) -> None:
        """Everything that is pending must be sent again, oldest first."""
        self._current.sent = self._current.acked

    def restart(self, boot: str) -> int:
        """Begin a new boot; returns how many unacknowledged readings were forgotten."""
        dropped = self._current.dropped = len(self._pending)
        self._pending.clear()
        self._current = self._boots[boot] = _Boot(boot)
        return dropped

    def counters(self) -> tuple[BootCounters, ...]:
        """The books of each boot, oldest first."""
        return tuple(boot.counters() for boot in self._boots.values())
