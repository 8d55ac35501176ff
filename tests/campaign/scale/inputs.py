"""What the model is made of: measured costs from one data file, schedules from the product's own defaults, and choices.

Every entry of the file has a value, a unit and a source; `status` says what it is worth:

    measured      by the command that stands beside it
    measured_apart  elsewhere in this project, not by `tests.bench.unit_costs`: the source names it
    assumed       nobody has measured it here: change it to what you have
    not_measured  a place for a figure that is still to come; its value is null, and the model does without
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from annotated_types import Le, MaxLen

from cloud_bridge.config import BridgeConfig, StoreConfig, TrackingConfig, WorkerConfig
from cloud_bridge.tracking import RETURNS_FOR
from edge_agent.config import BridgeConfig as HubBridgeConfig
from edge_agent.config import ReviewConfig

FILE = Path(__file__).with_name("inputs.json")
_HOUSEHOLDS_FEW, _HOUSEHOLDS_MANY = 20, 10_000  # of the bridges whose memory is measured


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured: processor time in ms of the bridge and of its PostgreSQL, transactions that wrote, bytes.

    `price_list_ms` is a list's fixed part and `price_product_ms` what each product adds. An order is accepted, placed
    and looked at once; a look finds nothing new. `order_bytes` is what one delivered order takes in all tables.
    """

    poll_ms: float
    poll_database_ms: float
    head_ms: float
    head_database_ms: float
    price_list_ms: float
    price_product_ms: float
    order_ms: float
    order_database_ms: float
    order_commits: float
    order_log_bytes: float
    look_ms: float
    look_database_ms: float
    look_commits: float
    look_log_bytes: float
    order_bytes: float
    order_rows: float
    poll_wire_bytes: float
    price_wire_bytes_per_product: float
    order_merchant_calls: float
    product_merchant_calls: float
    replica_mib: float
    household_kib: float
    database_commits_per_s: float


@dataclass(frozen=True, slots=True)
class Choices:
    """Assumed: how a home lives, what its merchants allow, and what a machine may bear.

    Shares are between 0 and 1. `peak_*` are the busiest second's rate over the mean's, as the model takes them; the
    simulation of arrivals judges them.
    """

    products: float
    orders_per_day: float
    transit_days: float
    largest_merchant_share: float
    merchant_calls_per_s_max: float
    merchant_answer_s: float
    areas: float
    products_of_all: float
    cache_h: float
    peak_poll: float
    peak_prices: float
    peak_orders: float
    peak_looks: float
    restart_share: float
    restart_within_s: float
    load_max: float
    replica_mib_max: float
    database_cores: float
    database_gb_max: float
    database_connections: float
    devices: float
    device_connections_per_node: float
    backup_mb: float
    backups_kept: float
    backups_per_day: float
    price_core_month: float
    price_gb_memory_month: float
    price_gb_disk_month: float
    price_gb_objects_month: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What the code does by default: periods in s and d, and bounds; nothing of it is typed off."""

    poll_s: float
    prices_s: float
    review_s: float
    look_s: float
    afterwards_days: float
    afterwards_look_s: float
    parallel: float
    connections: float
    households_max: float
    merchants_max: float


@dataclass(frozen=True, slots=True)
class Inputs:
    """All of it."""

    costs: Costs
    choices: Choices
    rules: Rules

    def with_costs(self, **changes: float) -> Inputs:
        """Other costs."""
        return replace(self, costs=replace(self.costs, **changes))

    def with_choices(self, **changes: float) -> Inputs:
        """Other choices."""
        return replace(self, choices=replace(self.choices, **changes))


def load(path: Path = FILE) -> Inputs:
    """The inputs of the file, with the product's defaults.

    Raises: KeyError for an entry that is missing; ValueError for one without a value.
    """
    entries = read(path)
    return Inputs(
        Costs(**{field.name: _value(entries, field.name) for field in fields(Costs)}),
        Choices(**{field.name: _value(entries, field.name) for field in fields(Choices)}),
        rules(),
    )


def read(path: Path = FILE) -> dict[str, dict[str, Any]]:
    """The file's entries by name."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["entries"]
    return found


def rules() -> Rules:
    """The product's defaults, read from its own configuration."""
    hub, review, tracking = HubBridgeConfig(), ReviewConfig(), TrackingConfig()
    return Rules(
        poll_s=hub.poll_every_s,
        prices_s=hub.prices_every_s,
        review_s=review.every_s,
        look_s=tracking.poll_s,
        afterwards_days=RETURNS_FOR.total_seconds() / 86_400,
        afterwards_look_s=86_400.0,
        parallel=WorkerConfig().parallel,
        connections=StoreConfig().connections,
        households_max=_most("households"),
        merchants_max=_most("merchants"),
    )


def take(lines: Iterable[str], entries: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The entries with what `tests.bench.unit_costs` has measured now put in the place of what it had measured before.

    `lines` are its JSON lines on PostgreSQL; an entry of whose figures any is missing stays as it is.
    """
    figures = {told["figure"]: told for told in map(json.loads, lines)}
    found = figures.get("machine", {})
    where = {name: found[name] for name in ("machine", "cores", "python", "load_1min") if name in found}
    taken = {}
    for name, entry in entries.items():
        value = None
        if entry["status"] == "measured":
            try:
                value = _measured(name, figures)
            except KeyError:
                value = None
        taken[name] = entry if value is None else {**entry, "value": float(f"{value:.4g}"), "on": where}
    return taken


def _measured(name: str, figures: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The value of an entry, from the figures; None for one that no benchmark measures.

    Raises: KeyError when a figure that it takes is not there.
    """

    def told(figure: str, key: str = "median") -> float:
        return float(figures[f"pg.{figure}"][key])

    def calls(figure: str) -> float:
        found = figures[f"pg.{figure}"]["merchant_calls"]
        return float(sum(count for line, count in found.items() if ".well-known" not in line))

    def wire(figure: str) -> float:
        return told(figure, "request_bytes") + told(figure, "answer_bytes")

    def each_product(value: Callable[[str], float]) -> float:
        return (value("prices_of_3") - value("prices_of_1")) / 2

    def rows() -> float:
        found = figures["pg.bytes_of_a_delivered_order"]["rows"]
        return float(found["orders"] + found["attempts"] + found["events"])

    order, look, poll = "order_accepted_placed_and_looked_at", "look_without_news", "poll_without_news"
    few, many = "resident_with_20_households", "resident_with_10000_households"
    values: dict[str, Callable[[], float]] = {
        "poll_ms": lambda: told(poll),
        "poll_database_ms": lambda: told(poll, "database_ms"),
        "head_ms": lambda: told("head"),
        "head_database_ms": lambda: told("head", "database_ms"),
        "price_product_ms": lambda: each_product(told),
        "price_list_ms": lambda: max(told("prices_of_1") - each_product(told), told(poll)),
        "order_ms": lambda: told(order),
        "order_database_ms": lambda: told(order, "database_ms"),
        "order_commits": lambda: told(order, "commits"),
        "order_log_bytes": lambda: told(order, "log_bytes"),
        "look_ms": lambda: told(look),
        "look_database_ms": lambda: told(look, "database_ms"),
        "look_commits": lambda: told(look, "commits"),
        "look_log_bytes": lambda: told(look, "log_bytes"),
        "order_bytes": lambda: told("bytes_of_a_delivered_order"),
        "order_rows": rows,
        "poll_wire_bytes": lambda: wire(poll),
        "price_wire_bytes_per_product": lambda: each_product(wire),
        "order_merchant_calls": lambda: calls(order),
        "product_merchant_calls": lambda: calls("prices_of_1"),
        "replica_mib": lambda: told(few),
        "household_kib": lambda: 1_024 * (told(many) - told(few)) / (_HOUSEHOLDS_MANY - _HOUSEHOLDS_FEW),
    }
    return values[name]() if name in values else None


def _value(entries: Mapping[str, Mapping[str, Any]], name: str) -> float:
    value = entries[name]["value"]
    if value is None:
        raise ValueError(f"{name} has no value")
    return float(value)


def _most(name: str) -> float:
    """How many entries a list of the bridge's configuration may have."""
    for each in BridgeConfig.model_fields[name].metadata:
        if isinstance(each, MaxLen):
            return float(each.max_length)
        if isinstance(each, Le):
            return float(str(each.le))
    raise KeyError(name)
