"""What the sample home's broker has: signals of its devices, levels that feed nothing, topics of strangers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.inventory.devices import DeviceLine, Inventory, SignalLine, offers, rising
from edge_agent.core.inventory.families import Strange, families
from tests.edge_agent.samples import NOW


def sample_inventory(items: Sequence[Item]) -> Inventory:
    """Three devices as in the sample home, and two families of strangers."""
    devices = (
        device(
            "car",
            "restock.vehicle",
            signal("washer_fluid.remaining", 82.0, "%", minutes=1_440, is_fresh=False),
            signal("tyre_fl.pressure", None, "kPa", minutes=1_440, is_fresh=False, presence="unknown", kind="setting"),
        ),
        device("fridge", "restock.fridge", signal("milk.amount", 1_243.0, "g", feeds=("milk",))),
        device(
            "washer",
            "samsung.washer",
            signal("detergent.amount", 390.5, "mL", minutes=420, feeds=("detergent",)),
            signal("softener.remaining", 64.0, "%", minutes=420),
            signal("softener.state", "ok", "", minutes=420, kind="flag", direction=""),
            signal("dust_filter.used", 12.0, "%", minutes=420, direction="up"),
            signal("detergent_disc.state", None, "", minutes=420, kind="flag", presence="not_applicable"),
        ),
    )
    return Inventory(
        as_of=NOW,
        source="the hub's store",
        devices=devices,
        families=families(sample_strangers()),
        offers=offers(devices, items=items),
        rising=rising(devices),
    )


def sample_strangers() -> tuple[Strange, ...]:
    """Two dispensers of one kind, and a doser."""
    soap = b'{"level": 62, "battery_mv": 2950, "user": "somebody@example.org", "state": "ok"}'
    pool = b'{"ph": {"left": 870, "unit": "ml"}, "serial": "PS88213AB21"}'
    return tuple(
        Strange(topic, payload, len(payload), 4, "no profile is for this topic", NOW - timedelta(minutes=ago))
        for topic, payload, ago in (
            ("soapy/kitchen/state", soap, 3),
            ("soapy/bath/state", soap, 9),
            ("poolsense/PS-88213/telemetry", pool, 31),
        )
    )


def device(name: str, profile: str, *signals: SignalLine) -> DeviceLine:
    """A device with these signals."""
    return DeviceLine(
        device=name,
        profile=profile,
        title=profile,
        topic=f"home/{name}/state",
        firmware=None,
        online=None,
        seen_at=signals[0].at if signals else None,
        signals=signals,
    )


def signal(
    name: str,
    value: float | str | None,
    unit: str,
    *,
    minutes: int = 4,
    feeds: tuple[str, ...] = (),
    is_fresh: bool = True,
    presence: str = "value",
    kind: str = "level",
    direction: str = "down",
) -> SignalLine:
    """A signal that was told so many minutes ago."""
    return SignalLine(
        signal=name,
        presence=presence,
        value=value,
        unit=unit,
        at=NOW - timedelta(minutes=minutes),
        is_fresh=is_fresh,
        kind=kind,
        direction=direction,
        feeds=feeds,
    )
