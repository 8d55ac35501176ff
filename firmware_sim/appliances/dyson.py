"""A Dyson purifier on its own MQTT: whole states, and changes as pairs of old and new.

Source: the libdyson library (local MQTT: CURRENT-STATE, STATE-CHANGE, fields of `product-state`). Numbers are texts of
four digits; INIT stands for a filter that has not been measured yet, INV for one that the model does not have.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware_sim.appliances.native import rfc3339
from firmware_sim.dialects import Dialect, Wire, checksum, compact, device_time, whole
from firmware_sim.sensing import Observation


class Dyson(Dialect):
    """A purifier with two filters."""

    kind = "air_conditioner"
    name = "dyson"
    source = "libdyson library, local MQTT: CURRENT-STATE and STATE-CHANGE"
    topics = "<address>/status/current, the address as <type>/<serial>"
    main = "hepa_pct"
    unset = "INIT"
    clock = True

    def __init__(self, device: str, *, address: str | None = None, home: str = "home", seed: str = "") -> None:
        super().__init__(device, address=address, home=home, seed=seed)
        self._said: dict[str, str] | None = None

    @classmethod
    def default_address(cls, device: str) -> str:
        """Type and a made-up serial number."""
        return f"438/SIM-EU-{checksum(device) & 0xFFFFFF:06X}A"

    def here(self, seen: Observation) -> Iterator[Wire]:
        """Nothing is announced; the first word after a start is a whole state."""
        del seen
        self._said = None
        yield from ()

    def say(self, seen: Observation) -> Iterator[Wire]:
        """A change where it was switched on or off, else the whole state."""
        told = seen.values
        state = {
            "fpwr": "ON" if told["on"] else "OFF",
            "auto": "OFF",
            "hflt": "GCOM",
            "cflt": "GCOM",
            "hflr": "INIT" if seen.unset else f"{whole(told['hepa_pct']):04d}",
            "cflr": "INIT" if seen.unset else f"{whole(told['carbon_pct']):04d}",
        }
        before, self._said = self._said, state
        change = before is not None and before["fpwr"] != state["fpwr"]
        document: dict[str, object] = {
            "msg": "STATE-CHANGE" if change else "CURRENT-STATE",
            "time": rfc3339(device_time(seen)),
            "mode-reason": "LAPP",
            "state-reason": "MODE",
            "product-state": {key: [before[key], new] for key, new in state.items()} if change and before else state,
        }
        yield Wire(f"{self.address}/status/current", compact(document))
