"""What the households do and when, all of it from one seed: no clock, no socket, the same plan gives the same run.

Times are seconds since the start of the run.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_sim.crowd.chance import Outage, chance, drawn

_PACKS_MAX = 3


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a hub waits before it tries again, looks for news, and gives an answer up."""

    retry_s: float = 30.0
    poll_s: float = 300.0
    answer_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `intents` is the mean number of orders of a household; each has between half and one and a half.

    After an outage the hubs come back over `back_s`: 0 is all in the same moment. `lost_answers` is the share of
    requests whose answer is dropped, `asks_prices` that of the households that ask for their price list in the run.
    """

    hubs: int
    intents: float
    duration_s: float
    seed: int
    ramp_s: float = 5.0
    outages: tuple[Outage, ...] = ()
    back_s: float = 0.0
    lost_answers: float = 0.0
    asks_prices: float = 0.04  # what comes of one list a day, in an hour
    hold_s: int = 120
    pauses: Pauses = Pauses()

    def starts_at_s(self, index: int) -> float:
        """When its hub is switched on."""
        return self.ramp_s * index / self.hubs

    def approvals(self, index: int) -> list[float]:
        """When each of a household's orders is approved, in order."""
        share = chance(self.seed, f"orders:{index}")
        count = int(self.intents * (0.5 + share) + chance(self.seed, f"rounding:{index}"))
        from_s = self.starts_at_s(index)
        return sorted(
            from_s + (self.duration_s - from_s) * chance(self.seed, f"approval:{index}:{n}") for n in range(count)
        )

    def asks_prices_at_s(self, index: int) -> float | None:
        """When it asks for its price list; None: not in this run."""
        if chance(self.seed, f"prices:{index}") >= self.asks_prices:
            return None
        from_s = self.starts_at_s(index)
        return from_s + (self.duration_s - from_s) * chance(self.seed, f"prices at:{index}")

    def product(self, index: int, n: int, *, of: int) -> tuple[int, int]:
        """Which of so many products the n-th order is for, and how many packs."""
        which = int(chance(self.seed, f"product:{index}:{n}") * of)
        return which, 1 + int(chance(self.seed, f"packs:{index}:{n}") * _PACKS_MAX)

    def is_answer_lost(self, index: int, n: int) -> bool:
        """Whether the answer to its n-th request, counted from 1, is dropped; the first one always comes."""
        return n > 1 and chance(self.seed, f"answer:{index}:{n}") < self.lost_answers

    def out(self, number: int) -> list[tuple[int, float]]:
        """Who is in an outage, with the time at which each comes back."""
        outage = self.outages[number]
        ends_s = outage.at_s + outage.for_s
        return [
            (index, ends_s + self.back_s * chance(self.seed, f"back:{number}:{index}"))
            for index in drawn(self.seed, f"outage:{number}", outage.share, of=self.hubs)
        ]
