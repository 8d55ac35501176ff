"""One form for every measured figure: a JSON object on a line of its own.

A benchmark gives what each of its rounds measured; the median is told, and the rounds stand beside it so that anybody
can see how noisy the machine was. A figure that has a bar says on which side of it the bar is kept.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Side = Literal["at_least", "at_most"]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach: `value` in the figure's unit, and `goal` beyond it where one is set."""

    side: Side
    value: float
    goal: float | None = None

    def kept_by(self, measured: float) -> bool:
        """Whether a measured value is on the right side."""
        return measured >= self.value if self.side == "at_least" else measured <= self.value


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    `bench` and `name` say what was measured, `unit` in what (units of time, `ratio`, `MB`, `readings/s`, ...). `rounds`
    are the values of the single rounds, at least one. `cpu_s` and `wall_s` are the processor time and the time of the
    clock that the median round took of the measured program. `against` says what a ratio is a ratio to. `more` is what
    a reader needs to judge it: sizes, counts, the other side's values.
    """

    bench: str
    name: str
    unit: str
    rounds: Sequence[float]
    bar: Bar | None = None
    cpu_s: float | None = None
    wall_s: float | None = None
    against: str | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    def words(self) -> dict[str, object]:
        """The figure as one JSON object; what is not known is left out."""
        told: dict[str, object] = {"bench": self.bench, "figure": self.name, "unit": self.unit}
        told |= {"median": _short(self.median), "rounds": [_short(each) for each in self.rounds]}
        if self.bar is not None:
            told |= {self.bar.side: self.bar.value, "met": self.bar.kept_by(self.median)}
            told |= {} if self.bar.goal is None else {"goal": self.bar.goal}
        told |= {} if self.cpu_s is None else {"cpu_s": _short(self.cpu_s)}
        told |= {} if self.wall_s is None else {"wall_s": _short(self.wall_s)}
        told |= {} if self.against is None else {"against": self.against}
        return told | dict(self.more)


def tell(*figures: Figure) -> None:
    """Print figures on standard output, each on a line of its own, at once."""
    for figure in figures:
        sys.stdout.write(json.dumps(figure.words()) + "\n")
    sys.stdout.flush()


def machine() -> dict[str, object]:
    """What the figures were measured on, and how busy it was: processor, cores, memory, load of the last minute."""
    return {
        "machine": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _short(value: float) -> float:
    return float(f"{value:.4g}")
