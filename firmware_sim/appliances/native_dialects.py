"""All eleven kinds in the Restock-native protocol, version 1: birth, state, reading, with boot and seq.

A dialect only speaks. What is held for the hub's `ack`, and sent again after a `rebirth`, is the business of the
connection: `held` in a fleet, `publish.Device` in the demo's home.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from firmware_sim.appliances import native
from firmware_sim.appliances.native import Value
from firmware_sim.dialects import Dialect, Wire, checksum, device_time
from firmware_sim.sensing import Observation


class NativeDialect(Dialect):
    """One kind; `values` names what it sends, as (name, channel, unit)."""

    name = "native"
    source = "docs/devices.md, Restock-native protocol version 1"
    topics = "restock/v1/<home>/<device>/{birth,state,reading}"
    unset = "0 for every amount: the firmware does not leave out what it does not know"
    clock = True
    presence = True
    qos = 1
    values: ClassVar[tuple[tuple[str, str, str], ...]]

    def here(self, seen: Observation) -> Iterator[Wire]:
        """Birth and state, both retained."""
        base, boot = native.base_topic(self.home, self.device), self._boot(seen)
        birth = native.birth(
            device=self.device,
            profile=f"restock.{self.kind}",
            firmware=f"sim-{self.kind}-1.0",
            boot=boot,
            at=device_time(seen),
            first_seq=seen.seq,
        )
        yield Wire(f"{base}/birth", birth, retain=True)
        yield Wire(f"{base}/state", native.state(device=self.device, boot=boot, state="online"), retain=True)

    def gone(self, seen: Observation) -> Iterator[Wire]:
        """The will: offline."""
        boot = self._boot(seen)
        payload = native.state(device=self.device, boot=boot, state="offline")
        yield Wire(f"{native.base_topic(self.home, self.device)}/state", payload, retain=True)

    def say(self, seen: Observation) -> Iterator[Wire]:
        """One reading."""
        values = {name: self._value(seen, channel, unit) for name, channel, unit in self.values}
        payload = native.reading(
            device=self.device, boot=self._boot(seen), seq=seen.seq, at=device_time(seen), values=values
        )
        yield Wire(f"{native.base_topic(self.home, self.device)}/reading", payload)

    @staticmethod
    def _value(seen: Observation, channel: str, unit: str) -> Value:
        told = seen.values[channel]
        if isinstance(told, bool | str):
            return Value(told, unit)
        if channel == "distance_cm":
            told = told * 10  # the protocol's tank speaks millimetres
        return Value(0 if seen.unset else round(told, 3), unit)

    def _boot(self, seen: Observation) -> str:
        return f"boot{seen.boot}-{checksum(f'{self.seed}/{self.device}/{seen.boot}'):08x}"


def _native(
    of: str, values: tuple[tuple[str, str, str], ...], *, main: str, twin: str | None = None
) -> type[NativeDialect]:
    """The native dialect of one kind."""
    body = {"kind": of, "values": values, "main": main, "twin": twin, "__doc__": f"A native {of.replace('_', ' ')}."}
    return type(f"Native{of.title().replace('_', '')}", (NativeDialect,), body)


NATIVE = (
    _native("fridge", (("milk", "milk_g", "g"), ("door", "door", "")), main="milk_g"),
    _native("washer", (("cycles", "cycles", "{cycle}"),), main="cycles"),
    _native(
        "dishwasher",
        (
            ("salt", "salt_pct", "%"),
            ("rinse_aid", "rinse_aid_pct", "%"),
            ("discs", "discs", "{disc}"),
            ("salt_low", "salt_low", ""),
            ("cycles", "cycles", "{cycle}"),
        ),
        main="salt_pct",
        twin="salt_low",
    ),
    _native(
        "vehicle",
        (("washer_fluid", "washer_fluid_pct", "%"), ("odometer", "odometer_km", "km")),
        main="washer_fluid_pct",
    ),
    _native(
        "coffee_machine",
        (
            ("beans", "beans_g", "g"),
            ("water", "water_ml", "mL"),
            ("cups", "cups", "{cup}"),
            ("descale_in", "descale_cups", "{cup}"),
            ("filter_in", "filter_cups", "{cup}"),
            ("grounds", "grounds_pct", "%"),
        ),
        main="beans_g",
    ),
    _native(
        "printer",
        (("toner_black", "toner_pct", "%"), ("drum", "drum_pct", "%"), ("pages", "pages", "{page}")),
        main="toner_pct",
    ),
    _native(
        "pet_feeder",
        (
            ("food", "food_g", "g"),
            ("lid", "lid", ""),
            ("given_today", "given_today_g", "g"),
            ("desiccant", "desiccant_d", "d"),
        ),
        main="food_g",
    ),
    _native(
        "water_filter",
        (
            ("filter", "cartridge_1_pct", "%"),
            ("litres_left", "litres_left", "L"),
            ("used_today", "used_today_l", "L"),
            ("tds_out", "tds_out", "[ppm]"),
        ),
        main="cartridge_1_pct",
        twin="litres_left",
    ),
    _native(
        "air_conditioner",
        (("filter_hours", "filter_hours", "h"), ("filter_clogged", "filter_clogged", "")),
        main="filter_hours",
        twin="filter_clogged",
    ),
    _native(
        "tank",
        (("amount", "amount_l", "L"), ("level", "level_pct", "%"), ("distance", "distance_cm", "mm")),
        main="amount_l",
        twin="level_pct",
    ),
    _native("scale", (("weight", "weight_g", "g"), ("stable", "stable", "")), main="weight_g"),
)
