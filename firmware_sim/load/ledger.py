"""What a fleet did, counted as it happens: the truth log in short, which stays when the disk is full."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from firmware_sim.crowd.delays import Delays
from firmware_sim.load.seqs import Seqs


@dataclass(slots=True)
class Tally:
    """Counts of a whole fleet. Messages that are no reading are counted under `words` and `malformed` only."""

    connected: int = 0  # now
    connected_most: int = 0
    connects: int = 0
    failed: int = 0  # attempts that came to nothing
    lost: int = 0  # connections that were not ended by the plan
    taken: int = 0
    skipped: int = 0
    sent: int = 0  # publishes of readings, with duplicates and repetitions
    acked: int = 0  # different readings
    doubled: int = 0  # published once more by the plan
    resent: int = 0  # once more because the connection was lost before the PUBACK
    dropped: int = 0  # for want of room in the device
    wiped: int = 0  # by a reboot of the plan, before the PUBACK
    refused: int = 0  # by the broker
    malformed: int = 0
    words: int = 0  # births, states
    publishes: int = 0  # everything that was published
    rebirths: int = 0  # that the hub asked for
    hub_acks: int = 0  # messages, not readings
    late_s: float = 0.0  # how late the latest of the readings since the last look was taken

    def note_late(self, late_s: float) -> None:
        """A reading was taken so long after its time."""
        self.late_s = max(self.late_s, late_s)


@dataclass(slots=True)
class Ledger:
    """The counts, and which readings of which device the broker has."""

    devices: int
    tally: Tally = field(default_factory=Tally)
    pubacks: Delays = field(default_factory=Delays)  # from the PUBLISH to its PUBACK
    reasons: Counter[str] = field(default_factory=Counter)  # why connections were lost or refused
    doubled: Counter[int] = field(default_factory=Counter)  # by device: sent once more, for whatever reason
    malformed: Counter[int] = field(default_factory=Counter)
    _acked: list[Seqs | None] = field(init=False)
    _later: dict[int, dict[int, Seqs]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._acked = [None] * self.devices

    def ack(self, index: int, boot: int, seq: int) -> bool:
        """The broker has this reading; False when it had it already."""
        if boot > 1:
            seqs = self._later.setdefault(index, {}).setdefault(boot, Seqs())
        else:
            known = self._acked[index]
            seqs = self._acked[index] = Seqs() if known is None else known
        fresh = seqs.add(seq)
        self.tally.acked += fresh
        return fresh

    def is_acked(self, index: int, boot: int, seq: int) -> bool:
        """Whether the broker has this reading."""
        seqs = self.acked(index).get(boot)
        return seqs is not None and seq in seqs

    def acked(self, index: int) -> dict[int, Seqs]:
        """By boot, what the broker has of one device."""
        first = self._acked[index]
        later = self._later.get(index, {})
        return later if first is None else {1: first, **later}
