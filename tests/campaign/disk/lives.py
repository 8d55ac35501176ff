"""Lives on bad disks, one after the other: each is lived by the child, judged, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.campaign.bugs import Bug
from tests.campaign.disk.injection import Child, Failure
from tests.campaign.disk.judging import faults, good_life
from tests.campaign.disk.orders import Order, Told
from tests.campaign.figures import Figures
from tests.campaign.power.recording import Moment

_FAULTS_MAX = 20
UNIT = "lives on bad disks"
_LOG, _TRACE = "log", "trace"


class Lives:
    """What came of all lives so far."""

    def __init__(self, child: Child, folder: Path, *, bug: Bug | None) -> None:
        self._child = child
        self._folder = folder
        self._bug = bug
        self._faults_max = 1 if bug else _FAULTS_MAX  # one fault is enough to catch a bug
        self._good: tuple[tuple[int, int], list[Moment]] | None = None
        self.covered: Counter[str] = Counter()
        self.faults: list[str] = []
        self.done = 0

    def live(
        self,
        disk: Path,
        *,
        seed: int,
        acts: int,
        failure: Failure | None = None,
        file_bytes_max: int | None = None,
        ballast_bytes: int = 0,
    ) -> str:
        """One life in `disk`; returns the trace of its system calls. Log and trace lie beside it."""
        order = Order(
            folder=str(disk),
            log=str(disk.with_name(_LOG)),
            seed=seed,
            acts=acts,
            bug=self._bug,
            file_bytes_max=file_bytes_max,
            ballast_bytes=ballast_bytes,
        )
        return self._child.live(order, failure=failure, trace=disk.with_name(_TRACE))

    def judge(self, disk: Path, *, seed: int, acts: int, how: str) -> bool:
        """Hold what it left against what it was promised; whether it told of a failure."""
        told = Told.from_log(disk.with_name(_LOG).read_text(encoding="utf-8"))
        found = faults(told, self._good_life(seed, acts), folder=disk)
        self.faults += [f"life {seed} {how}: {fault}" for fault in found]
        self.done += 1
        if told.failed:
            self.covered.update({"page read": told.read, "went on": told.finished})
        return bool(told.failed)

    def is_enough(self, size: int) -> bool:
        """Whether so many lives were lived, or enough was found."""
        return self.done >= size or len(self.faults) >= self._faults_max

    def figures(self, name: str, *, wanted: Iterable[str]) -> Figures:
        """What came of it."""
        return Figures(
            name=name,
            done=self.done,
            unit=UNIT,
            lost=sum(": lost " in fault for fault in self.faults),
            doubled=sum(": doubled " in fault for fault in self.faults),
            covered=dict(sorted(self.covered.items())),
            wanted=("page read", "went on", *sorted(wanted)),
            faults=tuple(self.faults),
        )

    def _good_life(self, seed: int, acts: int) -> list[Moment]:
        """The same life on a good disk; the last one is kept, since many runs ask for it."""
        if self._good is None or self._good[0] != (seed, acts):
            self._good = (seed, acts), good_life(seed, acts=acts, folder=self._folder)
        return self._good[1]
