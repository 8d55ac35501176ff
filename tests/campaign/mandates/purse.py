"""What the campaign knows by itself: the true time, what each draw may cost and did, and the sums that must hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from edge_agent.core.leave.draw import Usage
from edge_agent.core.leave.mandate import MandateTerms
from tests.campaign.mandates.almanac import began_on
from tests.campaign.mandates.judging import Verdict

_FAULTS_MAX = 20


@dataclass(slots=True)
class Wall:
    """A wall clock that somebody may set back, and the true time beside it. Fulfils `WallClock`."""

    true: datetime
    behind: timedelta = timedelta(0)
    speed: float = 1.0

    def now(self) -> datetime:
        """What it shows."""
        return self.true - self.behind

    async def sleep(self, duration_s: float) -> None:
        """Time passes."""
        self.true += timedelta(seconds=duration_s)

    def ticks_s(self) -> float:
        """A clock that nobody sets."""
        return (self.true - datetime(2020, 1, 1, tzinfo=UTC)).total_seconds()


@dataclass(slots=True)
class Drawn:
    """One order on a mandate: its ceiling until it is known what was charged. Minor units."""

    mandate: str
    at: datetime
    cost_minor: int


@dataclass(slots=True)
class Purse:
    """The oracle's ledger."""

    seed: int
    draws: dict[str, Drawn] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    met: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    attempts: int = 0
    overdrawn: int = 0
    unauthorised: int = 0

    def drew(self, intent: str, *, terms: MandateTerms, at: datetime, ceiling_minor: int) -> None:
        """A draw was made."""
        self.met["granted"] += 1
        if terms.id in self.revoked:
            self.unauthorised += 1
            self.fault(f"mandate {terms.id} was drawn on after it was revoked")
        if not terms.amount_range.min_minor <= ceiling_minor <= terms.amount_range.max_minor:
            self.unauthorised += 1
            self.fault(f"mandate {terms.id} paid for an order of {ceiling_minor}, outside its range")
        self.draws[intent] = Drawn(terms.id, at, ceiling_minor)

    def charged(self, intent: str, cost_minor: int) -> None:
        """The merchant has charged this; 0: it never will."""
        self.draws[intent].cost_minor = cost_minor

    def check(self, terms: MandateTerms, *, usage: Usage) -> None:
        """I5: by the merchants' charges in true time, and by the hub's ledger."""
        sums: Counter[object] = Counter()
        for drawn in self.draws.values():
            if drawn.mandate == terms.id:
                frequency, zone = terms.recurrence.frequency.value, terms.timezone
                began = began_on(drawn.at, first_day=terms.first_day, frequency=frequency, zone=zone)
                sums[began] += drawn.cost_minor
        for began, total_minor in sums.items():
            if total_minor > terms.budget.max_minor:
                self.overdrawn += 1
                self.fault(f"mandate {terms.id}: {total_minor} of {terms.budget.max_minor} in the period from {began}")
        if usage.used_minor > terms.budget.max_minor:
            self.overdrawn += 1
            self.fault(f"mandate {terms.id}: the ledger holds {usage.used_minor} of {terms.budget.max_minor}")
        most = terms.recurrence.max_occurrences
        if most is not None and usage.occurrences > most:
            self.unauthorised += 1
            self.fault(f"mandate {terms.id}: {usage.occurrences} orders of {most}")

    def add(self, verdict: Verdict) -> None:
        """What a race between processes came to."""
        self.attempts += verdict.draws
        self.unauthorised += verdict.unauthorised
        self.overdrawn += verdict.overdrawn
        self.met.update(verdict.met)
        for what in verdict.faults:
            self.fault(what)

    def fault(self, what: str) -> None:
        """Something that must not be."""
        if len(self.faults) < _FAULTS_MAX:
            self.faults.append(f"{what} [seed {self.seed}, attempt {self.attempts}]")
