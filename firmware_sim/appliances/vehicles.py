"""Vehicles: TeslaMate's topics, and COVESA VSS by path.

TeslaMate documentation, MQTT integration: `teslamate/cars/<car_id>/<key>`, one bare text a topic, retained, published
when it changes; `active_route` is an object that says where the navigation leads, or that it leads nowhere, and
`shift_state` and `speed` (km/h) how the car moves. VSS version 6: names, units and meaning of the paths; distances are
metres.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware_sim.appliances.native import rfc3339
from firmware_sim.dialects import Dialect, Wire, changed, compact, device_time, number, whole
from firmware_sim.sensing import Observation


class TeslaMate(Dialect):
    """An electric car, whose trips all lead to `destination` (latitude and longitude in degrees) in `minutes_left`."""

    kind = "vehicle"
    name = "teslamate"
    source = "TeslaMate documentation, MQTT integration"
    topics = "teslamate/cars/<address>/<key>"
    main = "charge_pct"
    twin = "usable_charge_pct"
    unset = "the text nil"
    qos = 1
    destination = (-12.3456, 34.5678)
    minutes_left = 20.0

    def __init__(self, device: str, *, address: str | None = None, home: str = "home", seed: str = "") -> None:
        super().__init__(device, address=address, home=home, seed=seed)
        self._said: dict[str, bytes] | None = None

    @classmethod
    def default_address(cls, device: str) -> str:
        """Cars are numbered."""
        del device
        return "1"

    def here(self, seen: Observation) -> Iterator[Wire]:
        """TeslaMate starts: it says everything once more."""
        del seen
        self._said = None
        yield Wire(f"teslamate/cars/{self.address}/display_name", self.device.encode(), retain=True)

    def say(self, seen: Observation) -> Iterator[Wire]:
        """What has changed."""
        told = seen.values
        texts = {
            "state": "driving" if told["moving"] else "online",
            "battery_level": "nil" if seen.unset else str(whole(told["charge_pct"])),
            "usable_battery_level": "nil" if seen.unset else str(whole(told["usable_charge_pct"])),
            "rated_battery_range_km": "nil" if seen.unset else f"{float(told['range_km']):.2f}",
            "odometer": f"{float(told['odometer_km']):.2f}",
            "plugged_in": "false",
            "shift_state": "D" if told["moving"] else "P",
            "speed": "50" if told["moving"] else "0",
            "active_route": compact(self._route(is_driving=bool(told["moving"]))).decode(),
        }
        now = {key: text.encode() for key, text in texts.items()}
        for key, payload in changed(self._said, now).items():
            yield Wire(f"teslamate/cars/{self.address}/{key}", payload, retain=True)
        self._said = now

    def _route(self, *, is_driving: bool) -> dict[str, object]:
        if not is_driving:
            return {"error": "No active route available"}
        latitude, longitude = self.destination
        return {
            "destination": "Somewhere",
            "energy_at_arrival": 60,
            "miles_to_arrival": 7.5,
            "minutes_to_arrival": self.minutes_left,
            "traffic_minutes_delay": 0.0,
            "location": {"latitude": latitude, "longitude": longitude},
            "error": None,
        }


class Vss(Dialect):
    """A car with a tank, AdBlue and washer fluid, each leaf with its value and time."""

    kind = "vehicle"
    name = "vss"
    source = "COVESA Vehicle Signal Specification, version 6"
    topics = "bridge/vss/<device>/status"
    main = "fuel_pct"
    twin = "fuel_l"
    clock = True

    def say(self, seen: Observation) -> Iterator[Wire]:
        """All leaves."""
        told = seen.values
        power = "Vehicle.Powertrain"
        fluid = "Vehicle.Body.Windshield.Front.WasherFluid"
        leaves = {
            f"{power}.FuelSystem.RelativeLevel": whole(told["fuel_pct"]),
            f"{power}.FuelSystem.AbsoluteLevel": number(told["fuel_l"], 1),
            f"{power}.FuelSystem.TankCapacity": 50,
            f"{power}.CombustionEngine.DieselExhaustFluid.Level": whole(told["adblue_pct"]),
            f"{fluid}.Level": whole(told["washer_fluid_pct"]),
            f"{fluid}.IsLevelLow": bool(told["washer_fluid_low"]),
            "Vehicle.TraveledDistance": whole(float(told["odometer_km"]) * 1_000),
            "Vehicle.IsMoving": bool(told["moving"]),
        }
        stamp = rfc3339(device_time(seen))
        document = {path: {"value": value, "timestamp": stamp} for path, value in leaves.items()}
        yield Wire(f"bridge/vss/{self.address}/status", compact(document))
