"""Appliances whose vendor offers a cloud API: its answer, as a bridge puts it on MQTT word for word.

The topic `bridge/<vendor>/<device>/status` is the bridge's own; the body is the vendor's. Sources stand at each class.
A cloud that is polled says everything each time.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware_sim.dialects import Dialect, Wire, checksum, compact, whole
from firmware_sim.sensing import Observation

_LEVELS = (
    "twinDosContainer1FillingLevel",
    "twinDosContainer2FillingLevel",
    "powerDiscFillingLevel",
    "saltFillingLevel",
    "rinseAidFillingLevel",
    "coalFilterSaturation",
    "fatFilterSaturation",
    "descalingCounter",
    "degreasingCounter",
    "milkCleaningCounter",
)


class _Miele(Dialect):
    name = "miele"
    source = "Miele 3rd Party API, filling levels"
    topics = "bridge/miele/<device>/status"
    unset = "null: this appliance has none"

    def _levels(self, **told: float | None) -> Wire:
        levels = {name: told.get(name) for name in _LEVELS}
        document = [{"deviceId": f"{checksum(self.address):012d}", "fillingLevels": levels}]
        return Wire(f"bridge/miele/{self.address}/status", compact(document))


class MieleWasher(_Miele):
    """A washing machine with TwinDos: levels in whole percent."""

    kind = "washer"
    main = "detergent_pct"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """Both containers."""
        if seen.unset:
            yield self._levels()
            return
        yield self._levels(
            twinDosContainer1FillingLevel=whole(seen.values["detergent_pct"]),
            twinDosContainer2FillingLevel=whole(seen.values["softener_pct"]),
        )


class MieleDishwasher(_Miele):
    """A dishwasher with AutoDos: levels in whole percent."""

    kind = "dishwasher"
    main = "salt_pct"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """Disc, salt and rinse aid."""
        if seen.unset:
            yield self._levels()
            return
        yield self._levels(
            powerDiscFillingLevel=whole(seen.values["discs_pct"]),
            saltFillingLevel=whole(seen.values["salt_pct"]),
            rinseAidFillingLevel=whole(seen.values["rinse_aid_pct"]),
        )


class LaMarzocco(Dialect):
    """An espresso machine: the dashboard of its cloud, after pylamarzocco; `allarm` is the vendor's own spelling."""

    kind = "coffee_machine"
    name = "lamarzocco"
    source = "pylamarzocco, dashboard widgets CMMachineStatus and CMNoWater"
    topics = "bridge/lamarzocco/<device>/status"
    main = "water_ml"
    unset = "connected false: the cloud repeats what it knew last"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """The dashboard."""
        widgets = [
            {"code": "CMMachineStatus", "index": 1, "output": {"status": "StandBy", "mode": "StandBy"}},
            {"code": "CMNoWater", "index": 1, "output": {"allarm": float(seen.values["water_ml"]) < 69}},
        ]
        document = {
            "serialNumber": f"MR{checksum(self.address) % 1_000_000:06d}",
            "type": "CoffeeMachine",
            "name": self.device,
            "connected": not seen.unset,
            "offlineMode": False,
            "widgets": widgets,
        }
        yield Wire(f"bridge/lamarzocco/{self.address}/status", compact(document))


class Brother(Dialect):
    """A mono laser printer: SNMP records in hex, after the brother library.

    A record is a tag, the bytes 01 04, and 32 bits; shares are hundredths of a percent. Beside each exact share stands
    the coarse one that the printer's own display uses.
    """

    kind = "printer"
    name = "brother"
    source = "brother library (object ids, tags of its counters, maintenance and next-care records), Printer MIB"
    topics = "bridge/brother/<device>/status"
    main = "toner_pct"
    twin = "drum_pages"

    _ROOT = "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """What a bridge read by SNMP."""
        told = seen.values
        pages, toner, drum = whole(told["pages"]), float(told["toner_pct"]), float(told["drum_pct"])
        document = {
            "1.3.6.1.4.1.2435.2.3.9.1.1.7.0": "MFG:Brother;CMD:PJL,HBP;MDL:HL-L1000DW;CLS:PRINTER;CID:Brother;",
            "1.3.6.1.2.1.43.10.2.1.4.1.1": str(pages),
            f"{self._ROOT}.10.0": [_record("00", pages)],
            f"{self._ROOT}.8.0": [
                _record("63", 1),
                _record("11", pages),
                _record("41", round(drum * 100)),
                _record("31", 1 if toner >= 5 else 2),
                _record("6f", round(toner * 100)),
                _record("81", round(toner / 10) * 10),
            ],
            f"{self._ROOT}.11.0": [_record("82", whole(told["drum_pages"]))],
        }
        yield Wire(f"bridge/brother/{self.address}/status", compact(document))


class PetKit(Dialect):
    """A feeder with one hopper: food is a code, the desiccant is counted in days."""

    kind = "pet_feeder"
    name = "petkit"
    source = "py-petkit-api and the PetKit integrations for Home Assistant, state of a feeder"
    topics = "bridge/petkit/<device>/status"
    main = "food_pct"
    unset = "-1 for the food code and for the days of the desiccant"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """The device's state."""
        food = 1 if float(seen.values["food_pct"]) >= 10 else 0
        state = {
            "pim": 1,
            "food": -1 if seen.unset else food,
            "desiccantLeftDays": -1 if seen.unset else whole(seen.values["desiccant_d"]),
            "batteryPower": 0,
            "batteryStatus": 0,
        }
        yield Wire(
            f"bridge/petkit/{self.address}/status",
            compact({"id": checksum(self.address) % 100_000, "name": self.device, "state": state}),
        )


class Whisker(Dialect):
    """A Feeder-Robot: the level comes in uneven steps from 9, full, to 0."""

    kind = "pet_feeder"
    name = "whisker"
    source = "pylitterbot, Feeder-Robot: state.info.level and its map of levels"
    topics = "bridge/whisker/<device>/status"
    main = "food_pct"
    unset = "online false: the cloud repeats what it knew last"

    STEPS = ((100, 9), (70, 8), (60, 7), (50, 6), (40, 5), (30, 4), (20, 3), (10, 2), (5, 1))

    def say(self, seen: Observation) -> Iterator[Wire]:
        """The device's state."""
        food = float(seen.values["food_pct"])
        level = next((level for share, level in self.STEPS if food >= share), 0)
        info = {"level": level, "power": True, "online": not seen.unset, "mealInsertSize": 1}
        serial = f"RF1C{checksum(self.address) % 1_000_000:06d}"
        document = {"id": checksum(self.address), "name": self.device, "serial": serial, "state": {"info": info}}
        yield Wire(f"bridge/whisker/{self.address}/status", compact(document))


class ThinQ(Dialect):
    """An air conditioner: hours that its filter has run, of how many."""

    kind = "air_conditioner"
    name = "thinq"
    source = "LG ThinQ Connect API, device type air conditioner: filterInfo"
    topics = "bridge/thinq/<device>/status"
    main = "filter_hours"
    unset = "usedTime 0 of filterLifetime 0"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """The device's state."""
        used, life = whole(seen.values["filter_hours"]), whole(seen.values["filter_life_h"])
        document = {
            "runState": {"currentState": "NORMAL"},
            "airConJobMode": {"currentJobMode": "COOL"},
            "operation": {"airConOperationMode": "POWER_ON" if seen.values["on"] else "POWER_OFF"},
            "temperature": {"currentTemperature": 24.5, "targetTemperature": 23, "unit": "C"},
            "filterInfo": {"usedTime": 0 if seen.unset else used, "filterLifetime": 0 if seen.unset else life},
        }
        yield Wire(f"bridge/thinq/{self.address}/status", compact(document))


def _record(tag: str, value: int) -> str:
    return f"{tag}0104{value:08x}"
