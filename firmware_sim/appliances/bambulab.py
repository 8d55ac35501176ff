"""A Bambu Lab printer on its own MQTT: a full report first, then only what has changed.

Source: OpenBambuAPI (`device/<serial>/report`, `push_status`) and ha-bambulab (trays, `remain`, `tag_uid`,
`tray_weight`). Ids and weights are texts, the share of a spool is a number, and -1 without a tag.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware_sim.dialects import Dialect, Wire, checksum, compact, whole
from firmware_sim.sensing import Observation


class BambuLab(Dialect):
    """A printer with a spool unit of four trays, of which the first holds a spool with a tag."""

    kind = "printer"
    name = "bambulab"
    source = "OpenBambuAPI and ha-bambulab: push_status, AMS trays"
    topics = "device/<address>/report"
    main = "filament_pct"
    unset = "remain -1, an empty tag and tray_weight 0: a spool without a tag"

    def __init__(self, device: str, *, address: str | None = None, home: str = "home", seed: str = "") -> None:
        super().__init__(device, address=address, home=home, seed=seed)
        self._said: dict[str, object] | None = None

    @classmethod
    def default_address(cls, device: str) -> str:
        """A made-up serial number."""
        return f"01S00C{checksum(device) % 10**9:09d}"

    def here(self, seen: Observation) -> Iterator[Wire]:
        """Nothing is announced; the first report after a start is a full one."""
        del seen
        self._said = None
        yield from ()

    def say(self, seen: Observation) -> Iterator[Wire]:
        """The full report, or what has changed of it; the spool unit always as a whole."""
        now: dict[str, object] = {
            "ams": {"ams": [self._unit(seen)], "tray_now": "0", "version": 3},
            "vt_tray": {"id": "254", "tag_uid": "0000000000000000", "tray_weight": "0", "remain": 0, "tray_type": ""},
            "gcode_state": "IDLE",
            "mc_percent": 100,
        }
        news = now if self._said is None else {key: each for key, each in now.items() if self._said[key] != each}
        self._said = now
        told = {"command": "push_status", "msg": int(news is not now), "sequence_id": str(seen.seq), **news}
        yield Wire(f"device/{self.address}/report", compact({"print": told}))

    def _unit(self, seen: Observation) -> dict[str, object]:
        tag = "0000000000000000" if seen.unset else f"{checksum(self.address):08X}00000100"
        spool: dict[str, object] = {
            "id": "0",
            "remain": -1 if seen.unset else whole(seen.values["filament_pct"]),
            "tag_uid": tag,
            "tray_weight": "0" if seen.unset else "1000",
            "tray_type": "PLA",
            "tray_id_name": "A00-K0",
        }
        return {"id": "0", "humidity": "4", "temp": "23.1", "tray": [spool, {"id": "1"}, {"id": "2"}, {"id": "3"}]}
