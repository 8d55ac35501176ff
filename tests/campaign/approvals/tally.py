"""What the campaign counts: forgeries by kind and how many were taken, controls and how often each was taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_FAULTS_MAX = 20


@dataclass(slots=True)
class Tally:
    """Counts of one run. `seed` goes into every fault."""

    seed: int
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    done: int = 0
    taken: int = 0
    lost: int = 0
    doubled: int = 0

    def forged(self, kind: str, *, taken: bool) -> None:
        """One forgery was tried."""
        self.done += 1
        self.kinds[kind] += 1
        if taken:
            self.taken += 1
            self.fault(f"a forgery was taken: {kind}")

    def control(self, times: int, *, good: bool, what: str) -> None:
        """One genuine approval was given, perhaps several times at once: it must have been taken once."""
        self.kinds["control"] += 1
        if times < 1 or not good:
            self.lost += 1
            self.fault(f"a genuine approval was refused: {what}")
        if times > 1:
            self.doubled += times - 1
            self.fault(f"a genuine approval was taken {times} times: {what}")

    def replayed(self, times: int) -> None:
        """A genuine approval came so many times too often, at once; whether it was taken again is told by `control`."""
        self.done += times
        self.kinds["replay:parallel"] += times

    def fault(self, what: str) -> None:
        """Something that must not be."""
        if len(self.faults) < _FAULTS_MAX:
            self.faults.append(f"{what} [seed {self.seed}, forgery {self.done}]")
