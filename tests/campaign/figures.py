"""What a campaign reports: counts, coverage and faults, and whether the run holds.

In doubt and parked stand apart and are never folded into "ok". A run with any fault fails, and so does a run that never
met something that it is there to meet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of one campaign.

    Units: `done` is counted in `unit`; `lost`, `doubled`, `unauthorised`, `overcharged`, `in_doubt` and `parked` are
    counts of orders or acknowledged records; `seconds` is elapsed real time. `forgiven` counts, by name, harm that
    docs/promises.md says is not prevented: it fails no run, and is told.
    """

    name: str
    done: int
    unit: str
    lost: int = 0
    doubled: int = 0
    unauthorised: int = 0
    overcharged: int = 0
    in_doubt: int = 0
    parked: int = 0
    forgiven: Mapping[str, int] = field(default_factory=dict)
    covered: Mapping[str, int] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # one line each: what went wrong, with the seed that shows it again
    seconds: float = 0.0

    @property
    def missed(self) -> tuple[str, ...]:
        """What the run had to meet and did not."""
        return tuple(name for name in self.wanted if self.covered.get(name, 0) < 1)

    @property
    def holds(self) -> bool:
        """Whether the promise held and everything wanted was met."""
        wrong = self.lost + self.doubled + self.unauthorised + self.overcharged
        return self.done > 0 and not wrong and not self.faults and not self.missed

    @property
    def bound(self) -> float | None:
        """Upper bound of the failure rate at 95 % (3/N, for a run without a failure); None where it does not apply."""
        return 3 / self.done if self.holds else None

    def to_json(self) -> str:
        """One JSON object on one line."""
        verdict = {"holds": self.holds, "missed": self.missed, "bound_95": self.bound}
        return json.dumps({**asdict(self), **verdict}, sort_keys=True)
