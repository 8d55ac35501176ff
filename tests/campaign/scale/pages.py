"""The tables of docs/scale.md, between their markers, from the inputs, the model and the simulation's kept answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.campaign.scale import model
from tests.campaign.scale.inputs import Inputs

_KNOWN = {"measured": "measured costs", "code": "read in the code", "assumed": "an assumption"}
_WEEKS = {
    "quiet_now": "quiet, the hub as it is",
    "quiet_fixed": "quiet, fixed periods",
    "rough_now": "rough, the hub as it is",
    "rough_fixed": "rough, fixed periods",
}
_KINDS = {
    "polls": "polls for news",
    "heads": "questions at the start",
    "price_lists": "price lists",
    "orders": "orders",
    "looks": "looks at merchants",
    "work": "processor time of the bridges",
}


def filled(page: str, inputs: Inputs, entries: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Any]) -> str:
    """The page with every table made anew.

    Raises: KeyError for a marker that names no table; ValueError when a table has no markers.
    """
    told = tables(inputs, entries, answers)
    found = re.findall(r"<!-- scale:([a-z_]+) -->", page)
    if missing := sorted(set(told) - set(found)):
        raise ValueError(f"no markers for {', '.join(missing)}")

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n{told[match[2]]}\n{match[3]}"

    return re.sub(r"(<!-- scale:([a-z_]+) -->)\n.*?(<!-- /scale -->)", table, page, flags=re.DOTALL)


def tables(inputs: Inputs, entries: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Any]) -> dict[str, str]:
    """Each table by its name, as Markdown."""
    return {
        "costs": _entries(entries, ("measured", "measured_apart")),
        "choices": _entries(entries, ("assumed",)),
        "awaited": _entries(entries, ("not_measured",)),
        "needs": _needs([model.need(size, inputs) for size in model.SIZES]),
        "stops": _stops(inputs),
        "thousand": _thousand(inputs),
        "simulated": _simulated(answers),
        "peaks": _peaks(inputs, answers),
        "rough": _rough(answers),
        "replicas": _replicas(answers),
    }


def text(inputs: Inputs) -> str:
    """The needs as a plain table, for a terminal."""
    rows = _need_rows([model.need(size, inputs) for size in model.SIZES])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _entries(entries: Mapping[str, Mapping[str, Any]], statuses: Iterable[str]) -> str:
    chosen = [(name, entry) for name, entry in entries.items() if entry["status"] in statuses]
    rows = [
        [
            f"`{name}`",
            "-" if entry["value"] is None else _number(entry["value"]),
            entry["unit"],
            entry["what"],
            entry["source"],
        ]
        for name, entry in chosen
    ]
    return _table(["input", "value", "unit", "what", "source"], rows, numbers={1})


def _needs(needs: Sequence[model.Need]) -> str:
    head, *rows = _need_rows(needs)
    return _table(head, rows, numbers=set(range(1, len(head))))


def _need_rows(needs: Sequence[model.Need]) -> list[list[str]]:
    """What is needed, a row for each thing, a column for each number of homes; the head first."""
    shown: tuple[tuple[str, Callable[[model.Need], str]], ...] = (
        ("requests of hubs, a second", lambda n: _number(n.requests)),
        ("- in the busiest second of a quiet week", lambda n: _number(n.requests_peak)),
        ("- while a tenth starts again after a power cut", lambda n: _number(n.requests_restart)),
        ("cores of the bridges, mean", lambda n: _number(n.cores)),
        ("- peak", lambda n: _number(n.cores_peak)),
        ("replicas (one core each, at the load allowed)", lambda n: _number(n.replicas)),
        ("memory of the bridges, GB", lambda n: _number(n.memory_gb)),
        ("looks under way at once at the largest merchant", lambda n: _number(n.following_slots)),
        ("looks that the start of any bridge makes due", lambda n: _number(n.looks_at_a_start)),
        ("cores of PostgreSQL, mean", lambda n: _number(n.database_cores)),
        ("writing transactions, a second", lambda n: _number(n.commits)),
        ("- peak", lambda n: _number(n.commits_peak)),
        ("log of PostgreSQL, GB a day", lambda n: _number(n.log_gb_day)),
        ("orders, GB a year", lambda n: _number(n.orders_gb_year)),
        ("PostgreSQL servers (shards)", lambda n: _number(n.shards)),
        ("connections to PostgreSQL, all shards", lambda n: _number(n.connections)),
        ("calls of merchants, a second", lambda n: _number(n.merchant_calls)),
        ("- of the largest", lambda n: _number(n.largest_merchant_calls)),
        ("- of all, with prices shared", lambda n: _number(n.merchant_calls_cached)),
        ("network of the hubs, GB a month", lambda n: _number(n.wire_gb_month)),
        ("device connections, if a fleet's came to a cloud", lambda n: _number(n.device_connections)),
        ("- nodes of an MQTT cluster for them", lambda n: _number(n.device_nodes)),
        ("backups in an object store, GB, if there were any", lambda n: _number(n.backups_gb)),
    )
    head = ["homes", *(f"{need.homes:,}" for need in needs)]
    return [head, *([name, *(told(need) for need in needs)] for name, told in shown)]


def _stops(inputs: Inputs) -> str:
    rows = [
        [_number(_down(stop.homes)), stop.part, stop.why, stop.instead, _KNOWN[stop.known]]
        for stop in model.stops(inputs)
    ]
    return _table(["homes", "what stops", "why", "what takes its place", "known by"], rows, numbers={0})


def _thousand(inputs: Inputs) -> str:
    told = model.cost_per_thousand(inputs)
    choices = inputs.choices
    names = {
        "bridge_cores": ("cores of bridges", choices.price_core_month),
        "database_cores": ("cores of PostgreSQL", choices.price_core_month),
        "memory_gb": ("GB of memory", choices.price_gb_memory_month),
        "disk_gb": ("GB of disk, after a year", choices.price_gb_disk_month),
        "objects_gb": ("GB of objects, if backups were kept", choices.price_gb_objects_month),
        "wire_gb": ("GB of network", 0.0),
    }
    rows = [
        [what, _number(told[name]), _number(price) if price else "-", _number(told[name] * price) if price else "-"]
        for name, (what, price) in names.items()
    ]
    rows.append(["all", "", "", _number(told["price"])])
    head = ["for 1,000 homes, a month", "amount", "price of one (an example)", "amount x price"]
    return _table(head, rows, numbers={1, 2, 3})


def _simulated(answers: Mapping[str, Any]) -> str:
    """What was simulated, in one sentence."""
    return f"{answers['homes']:,} homes, second by second for a week, from seed {answers['seed']}."


def _peaks(inputs: Inputs, answers: Mapping[str, Any]) -> str:
    """The model's peaks beside the simulation's of a quiet week."""
    choices, week = inputs.choices, answers["weeks"]["quiet_now"]["kinds"]
    homes = answers["homes"]
    mean = model.rates(homes, inputs)
    modelled = {
        "polls": (mean.polls, choices.peak_poll),
        "price_lists": (mean.price_lists, choices.peak_prices),
        "orders": (mean.orders, choices.peak_orders),
        "looks": (mean.looks, choices.peak_looks),
        "work": (
            model.bridge_cores(mean, inputs),
            model.bridge_cores(model.peak(mean, inputs), inputs) / model.bridge_cores(mean, inputs),
        ),
    }
    rows = [
        [
            _KINDS[kind],
            _number(modelled[kind][0]),
            _number(week[kind]["mean"]),
            _number(modelled[kind][1]),
            _number(week[kind]["hour"]),
            _number(week[kind]["minute"]),
            _number(week[kind]["second"]),
        ]
        for kind in modelled
    ]
    head = [
        "",
        "mean, model",
        "mean, simulated",
        "peak / mean, model",
        "busiest hour",
        "busiest minute",
        "busiest second",
    ]
    return _table(head, rows, numbers=set(range(1, 7)))


def _rough(answers: Mapping[str, Any]) -> str:
    rows = []
    for name, what in _WEEKS.items():
        week = answers["weeks"][name]
        kinds = week["kinds"]
        rows.append(
            [
                what,
                _number(kinds["polls"]["second"]),
                _number(kinds["price_lists"]["minute"]),
                _number(week["after_outage"]["price_lists"]),
                _number(week["same_hours_next_day"]),
                _number(kinds["work"]["minute"]),
            ]
        )
    head = [
        "week",
        "polls, busiest second / mean",
        "lists, busiest minute / mean",
        "lists in the quarter of an hour after the outage",
        "lists on the next day, busiest quarter / mean",
        "processor time, busiest minute / mean",
    ]
    return _table(head, rows, numbers=set(range(1, 6)))


def _replicas(answers: Mapping[str, Any]) -> str:
    rows = []
    for size in model.SIZES:
        row = [f"{size:,}"]
        weeks = [answers["weeks"][week]["sizes"][str(size)] for week in _WEEKS]
        row += [_number(week["enough"]["replicas"]) for week in weeks]
        planned = answers["weeks"]["rough_now"]["sizes"][str(size)]["planned"]
        row += [_number(planned["replicas"]), _time(planned["p99_s"]), _time(planned["longest_s"])]
        rows.append(row)
    head = ["homes", *_WEEKS.values(), "the model's", "its p99 in the rough week", "its longest wait there"]
    return _table(head, rows, numbers=set(range(1, 8)))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: set[int]) -> str:
    rule = ["---:" if column in numbers else "---" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _time(duration_s: float) -> str:
    return f"{1_000 * duration_s:.0f} ms" if duration_s < 1 else f"{_number(duration_s)} s"


def _down(homes: float) -> float:
    """Two figures: more are not known."""
    return float(f"{homes:.2g}")


def _number(value: float) -> str:
    """Three figures, and thousands apart."""
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 100 or rounded == int(rounded):
        return f"{rounded:,.0f}"
    return f"{rounded:g}"
