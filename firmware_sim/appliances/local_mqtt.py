"""Tanks and scales of people who build their own: Tasmota, ESPHome, rtl_433, Theengs. Sources stand at each class."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from firmware_sim.dialects import Dialect, Wire, checksum, compact, device_time, number, whole
from firmware_sim.sensing import Observation


class _Tasmota(Dialect):
    name = "tasmota"
    source = "Tasmota documentation: MQTT topics, HC-SR04, HX711 (Sensor34)"
    topics = "tele/<device>/SENSOR, tele/<device>/LWT"
    clock = True
    presence = True

    def here(self, seen: Observation) -> Iterator[Wire]:
        """Online, retained."""
        del seen
        yield Wire(f"tele/{self.address}/LWT", b"Online", retain=True)

    def gone(self, seen: Observation) -> Iterator[Wire]:
        """Offline, retained."""
        del seen
        yield Wire(f"tele/{self.address}/LWT", b"Offline", retain=True)

    def _sensor(self, chip: str, told: dict[str, object], seen: Observation) -> Wire:
        stamp = _seconds(device_time(seen), "T")
        return Wire(f"tele/{self.address}/SENSOR", compact({"Time": stamp, chip: told}))


class TasmotaTank(_Tasmota):
    """A HC-SR04 above the surface: the air gap in centimetres; null where no echo came."""

    kind = "tank"
    main = "distance_cm"
    unset = "Distance null: no echo"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """One telemetry message."""
        distance = None if seen.unset else number(seen.values["distance_cm"], 1)
        yield self._sensor("SR04", {"Distance": distance}, seen)


class TasmotaScale(_Tasmota):
    """A load cell on a HX711: kilograms since the last start, which sets it to zero; the raw value goes on."""

    kind = "scale"
    main = "weight_g"
    unset = "Weight 0: it has just set itself to zero"
    _BRIDGE_G = 11_000  # what the cell says with nothing on it

    def __init__(self, device: str, *, address: str | None = None, home: str = "home", seed: str = "") -> None:
        super().__init__(device, address=address, home=home, seed=seed)
        self._boot = 1
        self._zero_g = 0.0

    def say(self, seen: Observation) -> Iterator[Wire]:
        """One telemetry message."""
        weight_g = float(seen.values["weight_g"])
        if seen.boot > self._boot:
            self._boot, self._zero_g = seen.boot, weight_g
        net_g = 0.0 if seen.unset else weight_g - self._zero_g
        told: dict[str, object] = {
            "Weight": number(net_g / 1_000, 3),
            "WeightRaw": whole(net_g),
            "AbsRaw": whole(self._BRIDGE_G + weight_g),
        }
        yield self._sensor("HX711", told, seen)


class _EspHome(Dialect):
    name = "esphome"
    source = "ESPHome documentation, MQTT client component: topics, birth and will message"
    topics = "<device>/sensor/<sensor>/state, <device>/status"
    unset = "nan"
    presence = True

    def here(self, seen: Observation) -> Iterator[Wire]:
        """The birth message."""
        del seen
        yield Wire(f"{self.address}/status", b"online", retain=True)

    def gone(self, seen: Observation) -> Iterator[Wire]:
        """The will message."""
        del seen
        yield Wire(f"{self.address}/status", b"offline", retain=True)

    def _state(self, sensor: str, text: str, seen: Observation) -> Wire:
        payload = b"nan" if seen.unset else text.encode()
        return Wire(f"{self.address}/sensor/{sensor}/state", payload, retain=True)


class EspHomeTank(_EspHome):
    """A distance sensor whose owner called it distance_cm."""

    kind = "tank"
    main = "distance_cm"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """A bare number."""
        yield self._state("distance_cm", f"{float(seen.values['distance_cm']):.1f}", seen)


class EspHomeScale(_EspHome):
    """A load cell whose owner called it weight_g."""

    kind = "scale"
    main = "weight_g"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """A bare number."""
        yield self._state("weight_g", f"{float(seen.values['weight_g']):.0f}", seen)


class Rtl433Tank(Dialect):
    """An ultrasonic sensor on an oil tank, heard by rtl_433: the air gap in whole centimetres."""

    kind = "tank"
    name = "rtl_433"
    source = "rtl_433 documentation, data format and MQTT output; its decoder of Oil-SonicSmart"
    topics = "rtl_433/<device>/events"
    main = "distance_cm"
    unset = "a binding countdown above 0: the sensor is not bound yet"
    clock = True

    def say(self, seen: Observation) -> Iterator[Wire]:
        """One event."""
        document = {
            "time": _seconds(device_time(seen), " "),
            "model": "Oil-SonicSmart",
            "id": f"{checksum(self.address) & 0xFFFFFF:06x}",
            "flags": "80",
            "maybetemp": 20,
            "temperature_C": 8.5,
            "binding_countdown": 37 if seen.unset else 0,
            "depth_cm": whole(seen.values["distance_cm"]),
            "mic": "CRC",
        }
        yield Wire(f"rtl_433/{self.address}/events", compact(document))


class TheengsScale(Dialect):
    """A Bluetooth scale that weighs an object, heard by OpenMQTTGateway or Theengs Gateway."""

    kind = "scale"
    name = "theengs"
    source = "Theengs Decoder documentation, XMTZC04HM; OpenMQTTGateway, MQTT topics"
    topics = "home/OMG/BTtoMQTT/<device>"
    main = "weight_g"

    @classmethod
    def default_address(cls, device: str) -> str:
        """A made-up Bluetooth address, locally administered."""
        return f"0200{checksum(device):08X}"

    def say(self, seen: Observation) -> Iterator[Wire]:
        """One advertisement."""
        address = ":".join(self.address[index : index + 2] for index in range(0, len(self.address), 2))
        document = {
            "id": address,
            "rssi": -63,
            "brand": "Xiaomi",
            "model": "Mi Smart Scale",
            "model_id": "XMTZC04HM",
            "weighing_mode": "object",
            "unit": "kg",
            "weight": number(float(seen.values["weight_g"]) / 1_000, 3),
        }
        yield Wire(f"home/OMG/BTtoMQTT/{self.address}", compact(document))


def _seconds(at: datetime, between: str) -> str:
    return at.isoformat(sep=between, timespec="seconds")[:19]
