"""The capacity model: so many homes, so many requests, cores, commits, bytes and machines. Pure arithmetic.

Everything grows with the number of homes or stays as it is; nothing here knows a clock, a file or a random number. What
a number means, and how far to believe it, stands in docs/scale.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tests.campaign.scale.inputs import Inputs

DAY_S = 86_400.0
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_YEAR_D = 365.25
_MONTHS = 12
_PRODUCTS_IN_ONE_QUESTION = 10  # `edge_agent.pipeline.prices`


@dataclass(frozen=True, slots=True)
class Rates:
    """What happens a second for all homes together, on average."""

    polls: float
    price_lists: float
    products_priced: float
    orders: float
    looks: float

    @property
    def requests(self) -> float:
        """What hubs ask of the bridge."""
        return self.polls + self.price_lists + self.orders

    def times(self, polls: float, *, prices: float, orders: float, looks: float) -> Rates:
        """Each kind at its own peak, as if all came in the same second."""
        return Rates(
            self.polls * polls,
            self.price_lists * prices,
            self.products_priced * prices,
            self.orders * orders,
            self.looks * looks,
        )


@dataclass(frozen=True, slots=True)
class Need:
    """What so many homes need.

    Rates a second; cores of processors that are fully used; bytes where the name ends so, else GB (1e9 bytes). `_peak`
    is the busiest second of an ordinary week; `restart` is the moment after a power cut in which a share of the homes
    starts again. `replicas` and `shards` are whole machines' worth at the load that a machine may bear.
    """

    homes: int
    requests: float
    requests_peak: float
    requests_restart: float
    cores: float
    cores_peak: float
    replicas: int
    database_cores: float
    commits: float
    commits_peak: float
    orders_gb_year: float
    log_gb_day: float
    shards: int
    connections: int
    merchant_calls: float
    largest_merchant_calls: float
    merchant_calls_cached: float
    following_slots: int
    looks_at_a_start: float
    wire_gb_month: float
    memory_gb: float
    device_connections: float
    device_nodes: int
    backups_gb: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a part stops, in homes, and what takes its place. `known` says how: measured, code, assumed."""

    part: str
    homes: float
    why: str
    instead: str
    known: str


def rates(homes: float, inputs: Inputs) -> Rates:
    """The mean rates."""
    choices, rules = inputs.choices, inputs.rules
    orders = homes * choices.orders_per_day / DAY_S
    lists = math.ceil(choices.products / _PRODUCTS_IN_ONE_QUESTION)
    return Rates(
        polls=homes / rules.poll_s,
        price_lists=homes * lists / rules.prices_s,
        products_priced=homes * choices.products / rules.prices_s,
        orders=orders,
        looks=orders * looks_per_order(inputs),
    )


def looks_per_order(inputs: Inputs) -> float:
    """How often an order is looked at by the schedule alone: under way, and then for what may go back."""
    rules = inputs.rules
    return inputs.choices.transit_days * DAY_S / rules.look_s + rules.afterwards_days * DAY_S / rules.afterwards_look_s


def peak(mean: Rates, inputs: Inputs) -> Rates:
    """The busiest second."""
    choices = inputs.choices
    return mean.times(
        choices.peak_poll, prices=choices.peak_prices, orders=choices.peak_orders, looks=choices.peak_looks
    )


def bridge_cores(now: Rates, inputs: Inputs) -> float:
    """Processor seconds a second of all replicas together."""
    costs = inputs.costs
    return (
        now.polls * costs.poll_ms
        + now.price_lists * costs.price_list_ms
        + now.products_priced * costs.price_product_ms
        + now.orders * costs.order_ms
        + now.looks * costs.look_ms
    ) / 1_000


def database_cores(now: Rates, inputs: Inputs) -> float:
    """The same of PostgreSQL's processes."""
    costs = inputs.costs
    per_s = now.polls * costs.poll_database_ms + now.orders * costs.order_database_ms
    return (per_s + now.looks * costs.look_database_ms) / 1_000


def commits(now: Rates, inputs: Inputs) -> float:
    """Transactions a second that must reach the disk."""
    return now.orders * inputs.costs.order_commits + now.looks * inputs.costs.look_commits


def merchant_calls(now: Rates, inputs: Inputs) -> float:
    """Requests a second to all merchants. The first look at an order is among the order's own calls."""
    costs = inputs.costs
    return now.products_priced * costs.product_merchant_calls + now.orders * costs.order_merchant_calls + now.looks


def merchant_calls_cached(homes: float, inputs: Inputs) -> float:
    """The same where a price is asked once for each product and area within `cache_h`, and not for each home."""
    choices, mean = inputs.choices, rates(homes, inputs)
    distinct = choices.products_of_all * choices.areas / (choices.cache_h * 3_600)
    priced = min(mean.products_priced, distinct)
    return priced * inputs.costs.product_merchant_calls + mean.orders * inputs.costs.order_merchant_calls + mean.looks


def restart_requests(homes: float, inputs: Inputs) -> float:
    """Requests a second while a share of the homes starts again: two heads and a poll of each, over the boot times."""
    choices = inputs.choices
    started = homes * choices.restart_share * 3 / choices.restart_within_s
    return started + rates(homes, inputs).requests * (1 - choices.restart_share)


def restart_cores(homes: float, inputs: Inputs) -> float:
    """What that costs the bridge."""
    choices, costs = inputs.choices, inputs.costs
    each_ms = 2 * costs.head_ms + costs.poll_ms
    started = homes * choices.restart_share * each_ms / 1_000 / choices.restart_within_s
    return started + bridge_cores(rates(homes, inputs), inputs) * (1 - choices.restart_share)


def need(homes: int, inputs: Inputs) -> Need:
    """Everything that so many homes need."""
    costs, choices = inputs.costs, inputs.choices
    mean = rates(homes, inputs)
    most = peak(mean, inputs)
    cores_peak = bridge_cores(most, inputs)
    slots = following_slots(homes, inputs)
    by_work = math.ceil(max(cores_peak, restart_cores(homes, inputs)) / choices.load_max)
    by_slots = math.ceil(slots / inputs.rules.parallel)
    replicas = max(by_work, by_slots, 1)
    stored = mean.orders * costs.order_bytes * DAY_S * _YEAR_D / 1e9
    connections = replicas * int(inputs.rules.connections)
    wire = mean.polls * costs.poll_wire_bytes + mean.products_priced * costs.price_wire_bytes_per_product
    return Need(
        homes=homes,
        requests=mean.requests,
        requests_peak=most.requests,
        requests_restart=restart_requests(homes, inputs),
        cores=bridge_cores(mean, inputs),
        cores_peak=cores_peak,
        replicas=replicas,
        database_cores=database_cores(mean, inputs),
        commits=commits(mean, inputs),
        commits_peak=commits(most, inputs),
        orders_gb_year=stored,
        log_gb_day=(mean.orders * costs.order_log_bytes + mean.looks * costs.look_log_bytes) * DAY_S / 1e9,
        shards=shards(homes, inputs),
        connections=connections,
        merchant_calls=merchant_calls(mean, inputs),
        largest_merchant_calls=merchant_calls(mean, inputs) * choices.largest_merchant_share,
        merchant_calls_cached=merchant_calls_cached(homes, inputs),
        following_slots=slots,
        looks_at_a_start=homes * choices.orders_per_day * choices.transit_days,
        wire_gb_month=wire * DAY_S * _YEAR_D / _MONTHS / 1e9,
        memory_gb=replicas * replica_mib(homes, inputs) * 2**20 / 1e9,
        device_connections=homes * choices.devices,
        device_nodes=math.ceil(homes * choices.devices / choices.device_connections_per_node),
        backups_gb=homes * choices.backup_mb * choices.backups_kept / 1_000,
    )


def replica_mib(homes: float, inputs: Inputs) -> float:
    """Resident memory of one bridge, which has the keys of all households; as many as it may, at the most."""
    costs = inputs.costs
    room_mib = max(inputs.choices.replica_mib_max - costs.replica_mib, 0.0)
    return costs.replica_mib + min(homes * costs.household_kib / 1_024, room_mib)


def following_slots(homes: float, inputs: Inputs) -> int:
    """How many looks at the largest merchant are under way at once, by Little's law; a bridge has room for some."""
    choices = inputs.choices
    looks = rates(homes, inputs).looks * choices.largest_merchant_share * choices.peak_looks
    return math.ceil(looks * choices.merchant_answer_s)


def shards(homes: float, inputs: Inputs) -> int:
    """How many PostgreSQL servers, by whichever of commits, processor and three years of orders asks for the most."""
    return math.ceil(max(*database_limits(homes, inputs).values(), 1.0))


def database_limits(homes: float, inputs: Inputs) -> Mapping[str, float]:
    """The share of one server that so many homes need, by what may run out."""
    choices, mean = inputs.choices, rates(homes, inputs)
    most = peak(mean, inputs)
    stored_gb = 3 * mean.orders * inputs.costs.order_bytes * DAY_S * _YEAR_D / 1e9
    return {
        "commits": commits(most, inputs) / (inputs.costs.database_commits_per_s * choices.load_max),
        "cores": database_cores(most, inputs) / (choices.database_cores * choices.load_max),
        "storage": stored_gb / choices.database_gb_max,
    }


def stops(inputs: Inputs) -> tuple[Stop, ...]:
    """Where each part stops, the earliest first."""
    costs, choices, rules = inputs.costs, inputs.choices, inputs.rules
    one = need(1, inputs)
    database = database_limits(1.0, inputs)
    at_peak = bridge_cores(peak(rates(1.0, inputs), inputs), inputs)
    at_restart = restart_cores(1.0, inputs)
    looks = rates(1.0, inputs).looks * choices.largest_merchant_share * choices.peak_looks
    by_cost = max(at_peak, at_restart)
    found = [
        Stop(
            "buyer and addresses in the bridge's file",
            1,
            "each merchant's section has one buyer, one token and its addresses, for every household alike",
            "households with their buyer, token and addresses in the store",
            "code",
        ),
        Stop(
            "the list of households in the bridge's file",
            rules.households_max,
            "the configuration takes no more, and a new one needs a restart",
            "a table of households with their keys, read when one is asked for",
            "code",
        ),
        Stop(
            "the largest merchant's patience",
            choices.merchant_calls_per_s_max / (one.largest_merchant_calls or math.inf),
            f"{choices.merchant_calls_per_s_max:g} calls a second, which is assumed",
            "one price for each product and area instead of one for each home; webhooks in the place of looks",
            "assumed",
        ),
        Stop(
            "steps of one bridge at one merchant",
            rules.parallel / (looks * choices.merchant_answer_s),
            f"worker.parallel is {rules.parallel:g}, and a merchant is assumed to take {choices.merchant_answer_s:g} s",
            "worker.parallel up to 32, then replicas",
            "assumed",
        ),
        Stop(
            "one bridge's core",
            choices.load_max / by_cost,
            f"{choices.load_max:.0%} of one core at the peak",
            "replicas on one PostgreSQL",
            "measured",
        ),
        Stop(
            "PostgreSQL's connections",
            choices.load_max / by_cost * math.floor(choices.database_connections / rules.connections),
            f"{choices.database_connections:g} of them, {rules.connections:g} for each bridge",
            "store.connections = 2, or a pooler between",
            "assumed",
        ),
        Stop(
            "the keys of all households in every bridge",
            1_024 * (choices.replica_mib_max - costs.replica_mib) / costs.household_kib,
            f"{choices.replica_mib_max:,.0f} MiB for a bridge",
            "keys read from the store when they are asked for; or shards",
            "measured",
        ),
        Stop(
            "PostgreSQL's processor",
            1 / database["cores"],
            f"{choices.database_cores:g} cores at {choices.load_max:.0%}",
            "a shard more, by the household's id",
            "measured",
        ),
        Stop(
            "PostgreSQL's commits",
            1 / database["commits"],
            f"{costs.database_commits_per_s:,.0f} a second at {choices.load_max:.0%}",
            "a shard more, by the household's id",
            "measured",
        ),
        Stop(
            "PostgreSQL's disk",
            1 / database["storage"],
            f"three years of orders in {choices.database_gb_max:,.0f} GB; nothing is ever deleted",
            "orders that ended long ago in an archive; then a shard more",
            "assumed",
        ),
    ]
    return tuple(sorted(found, key=lambda each: each.homes))


def cost_per_thousand(inputs: Inputs, *, homes: int = 1_000_000) -> dict[str, float]:
    """Machine terms of 1,000 homes among so many, for a month, at the end of the first year; and their price.

    `price` is in whatever the four prices of the inputs are in, which are examples.
    """
    choices, whole = inputs.choices, need(homes, inputs)
    share = 1_000 / homes
    told = {
        "bridge_cores": max(whole.cores_peak, restart_cores(homes, inputs)) / choices.load_max * share,
        "database_cores": database_cores(peak(rates(homes, inputs), inputs), inputs) / choices.load_max * share,
        "memory_gb": whole.memory_gb * share,
        "disk_gb": whole.orders_gb_year * share,
        "objects_gb": whole.backups_gb * share,
        "wire_gb": whole.wire_gb_month * share,
    }
    price = (
        (told["bridge_cores"] + told["database_cores"]) * choices.price_core_month
        + told["memory_gb"] * choices.price_gb_memory_month
        + told["disk_gb"] * choices.price_gb_disk_month
        + told["objects_gb"] * choices.price_gb_objects_month
    )
    return {**told, "price": price}
