"""The simulation's answers, as one JSON object: how uneven each kind of request is, and how many bridges it takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tests.campaign.scale import model
from tests.campaign.scale.arrivals import QUIET, Arrivals, Counts, Rule, World, simulate
from tests.campaign.scale.inputs import Inputs
from tests.campaign.scale.queue import replicas_for, waits, work

P99_S = 1.0
_QUARTER_S = 900


def study(homes: int, inputs: Inputs, *, seed: int) -> dict[str, Any]:
    """Two weeks, one quiet and one rough (an outage, a power cut), of the hub as it is and with fixed periods."""
    world = World()
    told: dict[str, Any] = {"homes": homes, "seed": seed, "world": asdict(world), "weeks": {}}
    rules: tuple[Rule, ...] = ("now", "fixed")
    for rule in rules:
        for name, kind in (("quiet", QUIET), ("rough", world)):
            week = simulate(homes, inputs, seed=seed, rule=rule, world=kind)
            told["weeks"][f"{name}_{rule}"] = _told(week, inputs, world)
    return told


def _told(week: Arrivals, inputs: Inputs, world: World) -> dict[str, Any]:
    kinds = {name: _uneven(counts) for name, counts in week.kinds().items()}
    kinds["work"] = _uneven_work(week, inputs)
    end = int(world.outage_at + world.outage_s)
    sizes = {}
    for size in model.SIZES:
        scale = size / week.homes
        enough = replicas_for(week, inputs, p99_s=P99_S, scale=scale)
        planned = waits(week, inputs, replicas=model.need(size, inputs).replicas, scale=scale)
        sizes[str(size)] = {"enough": _short(asdict(enough)), "planned": _short(asdict(planned))}
    return {
        "kinds": kinds,
        "after_outage": {
            name: int(counts[end : end + _QUARTER_S].sum()) for name, counts in week.kinds().items() if name != "looks"
        },
        "same_hours_next_day": _peak_hour_share(week.price_lists, world),
        "sizes": sizes,
    }


def _uneven(counts: Counts) -> dict[str, float]:
    mean = float(counts.mean())
    if mean == 0:
        return {"mean": 0.0, "second": 0.0, "minute": 0.0, "hour": 0.0}
    return {
        "mean": _figure(mean),
        "second": _figure(counts.max() / mean),
        "minute": _figure(counts.reshape(-1, 60).mean(axis=1).max() / mean),
        "hour": _figure(counts.reshape(-1, 3_600).mean(axis=1).max() / mean),
    }


def _uneven_work(week: Arrivals, inputs: Inputs) -> dict[str, float]:
    """Of the processor time that all of it takes; in cores."""
    coming = work(week, inputs)
    mean = float(coming.mean())
    return {
        "mean": _figure(mean),
        "second": _figure(coming.max() / mean),
        "minute": _figure(coming.reshape(-1, 60).mean(axis=1).max() / mean),
        "hour": _figure(coming.reshape(-1, 3_600).mean(axis=1).max() / mean),
    }


def _peak_hour_share(price_lists: Counts, world: World) -> float:
    """The busiest quarter of an hour of the day that follows the outage, over that day's mean."""
    begin = (int((world.outage_at + world.outage_s) // 86_400) + 1) * 86_400
    day = price_lists[begin : begin + 86_400].reshape(-1, _QUARTER_S).sum(axis=1)
    return _figure(float(day.max() / day.mean())) if day.sum() else 0.0


def _short(told: dict[str, Any]) -> dict[str, Any]:
    return {name: _figure(value) if isinstance(value, float) else value for name, value in told.items()}


def _figure(value: float) -> float:
    return float(f"{value:.3g}")
