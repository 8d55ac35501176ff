"""The public half of the campaign: homes of the public data under the hub's own arithmetic, and item by item.

Two questions. How many deliveries does a home have, at equal stock-out days and at most 5 % more stock, against one
that orders its items one by one by the best simple rule? How many packs are bought after an item's last real use?

The parameters of joining are constants here, chosen on other households (`models/README.md`); nothing is fitted to
the homes that are judged. Both sides see the same days and share a delivery when they order on the same day.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np

from edge_agent.core.deciding.joining import Terms, worth_of_a_day
from models.dataset import load_purchases
from tests.campaign.homes.public_data import Home, all_series, homes_of
from tests.campaign.homes.public_frontier import Floats, sums
from tests.campaign.homes.public_model import ARTEFACTS, chances_of, newest_artefact
from tests.campaign.homes.public_replay import Tally
from tests.campaign.homes.public_replay import replay as lived
from tests.campaign.homes.public_rules import Alone, Asking, Offers, Together, simple_needs
from tests.campaign.homes.public_told import Done, counts_told, deliveries_told, known, out_of_use_told

HOUSEHOLDS: Final = 100
SPREADS: Final = 2
WORKERS: Final = 2
EVERYONE: Final = 10_000

ASKING: Final = Asking(pauses=2.0, pause_min_d=14)
_CHUNKS_PER_WORKER = 6


@dataclass(frozen=True, slots=True)
class Settings:
    """What is tried: the settings of `Terms`; a price of deliveries is that of a home that orders once a day."""

    thrifts: tuple[float, ...]
    deliveries: tuple[float, ...]
    horizon_d: int
    asking: Asking | None


LEARNED: Final = Settings(
    thrifts=tuple(float(thrift) for thrift in np.geomspace(1.1e-3, 8e-3, 9)),
    deliveries=(5.0, 15.0, 40.0),
    horizon_d=4,
    asking=ASKING,
)
BY_RULE: Final = Settings(
    thrifts=tuple(float(thrift) for thrift in np.geomspace(1.5e-3, 1.5e-2, 9)),
    deliveries=(0.0, 8.0, 20.0),
    horizon_d=3,
    asking=ASKING,
)


@dataclass(frozen=True, slots=True)
class Work:
    """Some homes, and what to try on them; without an artefact by the chances of the Poisson rule."""

    homes: Sequence[Home]
    settings: Settings
    artefact: Path | None


def public(
    *,
    households: int = HOUSEHOLDS,
    spreads: int = SPREADS,
    workers: int = WORKERS,
    held_out: Collection[int] | None = None,
    faded_households: int = EVERYONE,
    folder: Path = ARTEFACTS,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Both questions answered, for JSON; progress goes to standard error.

    `held_out` names the households that the model has not seen, if they are not those of the public split.
    Raises: FileNotFoundError when the data package is not installed.
    """
    begun = monotonic()
    artefact = newest_artefact(folder)
    settings = settings or (LEARNED if artefact else BY_RULE)
    series, told = load_purchases(), {}
    for name, count in (("deliveries", households), ("out_of_use", faded_households)):
        parts = [homes_of(series, count, spread=spread, held_out=held_out) for spread in range(spreads)]
        if name == "out_of_use":
            parts = [[home for home in homes if _fades(home)] for homes in parts]
        tried = settings if name == "deliveries" else replace(settings, deliveries=settings.deliveries[1:2])
        done = [measure(homes, settings=tried, artefact=artefact, workers=workers, name=name) for homes in parts]
        told[name] = (parts, _joined(done))
    homes, deliveries = told["deliveries"]
    faded, out_of_use = told["out_of_use"]
    return {
        "deliveries": known({**_counted(homes, spreads), **deliveries_told(deliveries)}),
        "out_of_use": known({**_counted(faded, spreads), **out_of_use_told(out_of_use)}),
        "counts": counts_told(deliveries),
        "chances": artefact.stem if artefact else "Poisson rule",
        "settings": asdict(settings),
        "took_s": round(monotonic() - begun, 1),
    }


def measure(
    homes: Sequence[Home], *, settings: Settings, artefact: Path | None, workers: int = 1, name: str = ""
) -> Done:
    """Every setting of every rule on these homes, on several processes."""
    chunks = np.array_split(np.arange(len(homes)), min(len(homes), _CHUNKS_PER_WORKER * workers))
    works = [Work([homes[at] for at in chunk], settings, artefact) for chunk in chunks]
    return _side_by_side(list(_progress(_results(works, workers=workers), of=len(works), name=name)))


def _results(works: Sequence[Work], *, workers: int) -> Iterator[Done]:
    if workers == 1:
        yield from map(one_chunk, works)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(one_chunk, works)


def one_chunk(work: Work) -> Done:
    """All settings on some homes."""
    needs = [[simple_needs(item) for item in home] for home in work.homes]
    simple = {
        name: np.stack([_alone(work.homes, needs, name=name, level=level) for level in range(len(levels))])
        for name, levels in needs[0][0].items()
    }
    told = chances_of(work.homes, artefact=work.artefact)
    offers = [Offers(home, of) for home, of in zip(work.homes, told, strict=True)]
    ours, questions = {}, {}
    for delivery in work.settings.deliveries:
        tried = [_together(work, offers, delivery=delivery, thrift=thrift) for thrift in work.settings.thrifts]
        ours[delivery] = np.stack([sums(work.homes, tallies) for tallies, _ in tried])
        questions[delivery] = np.array([asked for _, asked in tried], dtype=np.float64)
    return Done(simple, ours, questions)


def _alone(homes: Sequence[Home], needs: Sequence[Sequence[dict[str, Any]]], *, name: str, level: int) -> Floats:
    rules = [Alone(home, [need[name][level] for need in of]) for home, of in zip(homes, needs, strict=True)]
    return sums(homes, [lived(home, rule) for home, rule in zip(homes, rules, strict=True)])


def _together(work: Work, offers: Sequence[Offers], *, delivery: float, thrift: float) -> tuple[list[Tally], list[int]]:
    tallies, asked = [], []
    for home, of in zip(work.homes, offers, strict=True):
        terms = terms_of(home, delivery=delivery, thrift=thrift, horizon_d=work.settings.horizon_d)
        rule = Together(of, terms=terms, asking=work.settings.asking)
        tallies.append(lived(home, rule))
        asked.append(rule.said.questions)
    return tallies, asked


def terms_of(home: Home, *, delivery: float, thrift: float, horizon_d: int) -> Terms:
    """What a delivery is worth in this home, by the orders that it would make."""
    orders_per_day = sum(item.known_rate / item.order_packs for item in home)
    return Terms(thrift, worth_of_a_day(delivery, orders_per_day=orders_per_day), horizon_d)


def _counted(parts: Sequence[Sequence[Home]], spreads: int) -> dict[str, int]:
    items = all_series(parts[0])
    return {
        "homes": len(parts[0]),
        "items": len(items),
        "items_judged": sum(item.judged for item in items),
        "items_out_of_use": sum(item.last_used is not None for item in items),
        "spreads": spreads,
    }


def _fades(home: Home) -> bool:
    return any(item.last_used is not None for item in home)


def _joined(done: Sequence[Done]) -> Done:
    """The same homes on several spreads: their sums."""
    return _folded(done, lambda parts: np.sum(parts, axis=0))


def _side_by_side(done: Sequence[Done]) -> Done:
    """Other homes under the same settings."""
    return _folded(done, partial(np.concatenate, axis=1))


def _folded(done: Sequence[Done], fold: Callable[[list[Floats]], Floats]) -> Done:
    return Done(
        {name: fold([one.simple[name] for one in done]) for name in done[0].simple},
        {name: fold([one.ours[name] for one in done]) for name in done[0].ours},
        {name: fold([one.questions[name] for one in done]) for name in done[0].questions},
    )


def _progress(results: Iterator[Done], *, of: int, name: str) -> Iterator[Done]:
    begun = monotonic()
    for number, done in enumerate(results, start=1):
        line = f"public homes, {name}: part {number} of {of}, {monotonic() - begun:.0f} s"
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress
        yield done
