"""A DROP reverse osmosis filter: a full message first, then only what has changed.

Source: the DROP integration of Home Assistant and dropmqttapi: `drop_connect/<hub>/<number>/stat`, JSON; `cart1` to
`cart3` are shares that are left, `tdsIn` and `tdsOut` parts per million. Messages are merged by who reads them.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware_sim.dialects import Dialect, Wire, checksum, compact, whole
from firmware_sim.sensing import Observation


class Drop(Dialect):
    """A filter with three cartridges."""

    kind = "water_filter"
    name = "drop"
    source = "Home Assistant, DROP integration; dropmqttapi"
    topics = "drop_connect/<address>/stat, the address as <hub>/<number>"
    main = "cartridge_1_pct"

    def __init__(self, device: str, *, address: str | None = None, home: str = "home", seed: str = "") -> None:
        super().__init__(device, address=address, home=home, seed=seed)
        self._said: dict[str, int] | None = None

    @classmethod
    def default_address(cls, device: str) -> str:
        """A hub and a number below it."""
        return f"DROP-1_{checksum(device) & 0xFFFFFF:06X}/12"

    def here(self, seen: Observation) -> Iterator[Wire]:
        """Nothing is announced; the first word after a start is a full one."""
        del seen
        self._said = None
        yield from ()

    def say(self, seen: Observation) -> Iterator[Wire]:
        """What has changed; nothing where nothing has."""
        told = seen.values
        now = {
            "leak": 0,
            "tdsIn": whole(told["tds_in"]),
            "tdsOut": whole(told["tds_out"]),
            "cart1": whole(told["cartridge_1_pct"]),
            "cart2": whole(told["cartridge_2_pct"]),
            "cart3": whole(told["cartridge_3_pct"]),
        }
        before, self._said = self._said, now
        news = {key: value for key, value in now.items() if before is None or before[key] != value}
        if news:
            yield Wire(f"drop_connect/{self.address}/stat", compact(news))
