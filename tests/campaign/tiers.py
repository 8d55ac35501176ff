"""What the two tiers run: which campaign, how much of it, in how many pieces. Pure.

The quick tier is sized for 25 minutes on two cores. The deep tier is the same campaigns in pieces of the same kind,
hundreds of them, each with a seed of its own, so that it can stop after any piece and go on later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures

# Seconds of one unit, of a piece's start, and of a piece with a bug: measured on one of two cores. They decide the
# order and the estimate, and nothing else.
_UNIT_S = {
    "processes": 1.7, "kills": 0.09, "orders": 0.031, "simulation": 0.0022, "power": 0.0015, "machine": 0.0017,
    "approvals": 0.0005, "restores": 1.0, "clones": 3.0, "mandates": 0.004, "replicas": 1.5, "disk": 0.12, "full": 0.25,
}  # fmt: skip
_START_S = 2.0
_BUG_S = 20.0


@dataclass(frozen=True, slots=True)
class Piece:
    """One run of one campaign, in a process of its own. With a bug planted, the run must fail."""

    campaign: str
    size: int
    seed: int
    bug: Bug | None = None

    @property
    def name(self) -> str:
        """What names it in a log and in the record of a deep run."""
        return f"{self.campaign}-{self.seed}" if self.bug is None else f"bug-{self.bug}-{self.campaign}"


@dataclass(frozen=True, slots=True)
class Share:
    """How much of one campaign a tier wants; `piece_size` of it at a time. `bar` is what is aimed at in the end."""

    campaign: str
    goal: int
    piece_size: int
    bar: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A piece and what came of it; `figures` is None where its process broke."""

    piece: Piece
    figures: Figures | None

    @property
    def holds(self) -> bool:
        """Whether it went as it must: no harm, or, with a planted bug, harm. What was met is judged over all pieces."""
        figures = self.figures
        if figures is None:
            return False
        harm = figures.lost + figures.doubled + figures.unauthorised + figures.overcharged
        is_harmed = harm > 0 or bool(figures.faults)
        return is_harmed if self.piece.bug is not None else figures.done > 0 and not is_harmed


def pieces(shares: Iterable[Share]) -> list[Piece]:
    """Every piece of a tier, the campaigns taking turns, so that a run that is cut short has met all of them."""
    rows = [[Piece(share.campaign, size, seed) for seed, size in enumerate(_sizes(share), start=1)] for share in shares]
    turns = max((len(row) for row in rows), default=0)
    return [row[turn] for turn in range(turns) for row in rows if turn < len(row)]


def longest_first(wanted: Iterable[Piece]) -> list[Piece]:
    """The same pieces in the order in which lanes that take them one by one end together."""
    return sorted(wanted, key=expected_s, reverse=True)


def expected_s(piece: Piece) -> float:
    """How long a piece takes on a core of its own, by what was measured before."""
    return _BUG_S if piece.bug is not None else _START_S + piece.size * _UNIT_S.get(piece.campaign, 1.0)


class Pace:
    """How much longer pieces take here and now than they were expected to."""

    def __init__(self) -> None:
        self._expected_s = 0.0
        self._taken_s = 0.0

    def note(self, result: Done) -> None:
        """One piece has ended."""
        if result.figures is not None:
            self._expected_s += expected_s(result.piece)
            self._taken_s += result.figures.seconds

    def rest_s(self, left: Sequence[Piece], *, lanes: int) -> float:
        """What the pieces without a result will take, the ones under way counted from their beginning."""
        slowness = self._taken_s / self._expected_s if self._expected_s else 1.0
        each = [expected_s(piece) * slowness for piece in left]
        return max([sum(each) / lanes, *each])


def _sizes(share: Share) -> list[int]:
    whole, rest = divmod(share.goal, share.piece_size)
    return [share.piece_size] * whole + ([rest] if rest else [])


@dataclass(frozen=True, slots=True)
class Total:
    """All pieces of one campaign together. `bound` is 3/N at 95 %, where nothing failed; `missed` was never met.

    `forgiven` is harm that is known not to be prevented: counted, and no part of `harm`.
    """

    campaign: str
    unit: str
    done: int
    lost: int
    doubled: int
    unauthorised: int
    overcharged: int
    in_doubt: int
    parked: int
    forgiven: Mapping[str, int]
    seconds: float
    faults: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def harm(self) -> int:
        """Everything that must not be, together."""
        return self.lost + self.doubled + self.unauthorised + self.overcharged

    @property
    def bound(self) -> float | None:
        """Upper bound of the failure rate, or None after a failure."""
        return None if self.harm or self.faults or not self.done else 3 / self.done


def totals(results: Sequence[Done]) -> list[Total]:
    """The pieces without a bug, added up by campaign in the order in which they first appear."""
    names = dict.fromkeys(each.piece.campaign for each in results if each.piece.bug is None)
    return [_total(name, [each for each in results if each.piece.bug is None and each.piece.campaign == name])
            for name in names]  # fmt: skip


def _total(name: str, results: Sequence[Done]) -> Total:
    told = [each.figures for each in results if each.figures is not None]
    faults = [f"{each.piece.name}: {fault}" for each in results for fault in _faults(each)]
    return Total(
        campaign=name,
        unit=told[0].unit if told else "",
        done=sum(each.done for each in told),
        lost=sum(each.lost for each in told),
        doubled=sum(each.doubled for each in told),
        unauthorised=sum(each.unauthorised for each in told),
        overcharged=sum(each.overcharged for each in told),
        in_doubt=sum(each.in_doubt for each in told),
        parked=sum(each.parked for each in told),
        forgiven=dict(sum((Counter(each.forgiven) for each in told), Counter())),
        seconds=sum(each.seconds for each in told),
        faults=tuple(faults),
        missed=_missed(told),
    )


def _faults(result: Done) -> list[str]:
    return ["its process broke"] if result.figures is None else list(result.figures.faults)


def _missed(told: Sequence[Figures]) -> tuple[str, ...]:
    """What at least one piece wanted to meet, and none has met."""
    wanted = dict.fromkeys(name for figures in told for name in figures.wanted)
    return tuple(name for name in wanted if not any(figures.covered.get(name, 0) for figures in told))


def caught(results: Sequence[Done]) -> dict[Bug, bool]:
    """Which of the planted bugs the campaigns caught: each campaign that must."""
    found: dict[Bug, bool] = {}
    for each in results:
        if each.piece.bug is not None:
            found[each.piece.bug] = each.holds and found.get(each.piece.bug, True)
    return found
