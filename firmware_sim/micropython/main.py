"""A kitchen scale on an ESP32 or a Pico W: a load cell behind an HX711, Wi-Fi, and the Restock-native protocol.

`config.json` on the board says which network, which broker and which pins; `config.example.json` shows its fields. No
secret stands here. The board's watchdog starts it again should anything hang.
"""

import json
import time

import machine
import network
import ntptime
from restock_device import Device, Store, clock_is_set
from umqtt.simple import MQTTClient

_SAMPLES = 5
_PAUSE_MIN_MS, _PAUSE_MAX_MS = 1000, 60000  # below the watchdog's
_IDLE_MS = 50
_WATCHDOG_MS = 120000


class LoadCell:
    """An HX711 in its 24-bit mode at gain 128. `zero` and `counts_per_gram` are found once with a known weight."""

    def __init__(self, data_pin: int, clock_pin: int, zero: int, counts_per_gram: float) -> None:
        self._data = machine.Pin(data_pin, machine.Pin.IN)
        self._clock = machine.Pin(clock_pin, machine.Pin.OUT)
        self._zero = zero
        self._counts_per_gram = counts_per_gram

    def read(self) -> tuple:
        """(grams, whether the thing is at rest): the median of some samples, and how far they are apart.

        Raises: OSError when the chip does not answer.
        """
        counts = sorted(self._counts() for _ in range(_SAMPLES))
        grams = (counts[_SAMPLES // 2] - self._zero) / self._counts_per_gram
        apart = abs((counts[-1] - counts[0]) / self._counts_per_gram)
        return max(0, round(grams)) if grams > -5 else None, apart < 5

    def _counts(self) -> int:
        started = time.ticks_ms()
        while self._data.value():  # low when a conversion is ready
            if time.ticks_diff(time.ticks_ms(), started) > 1000:
                raise OSError("no load cell")
        counts = 0
        for _ in range(24):
            counts = counts << 1 | self._bit()
        self._bit()  # a 25th pulse: gain 128 again
        return counts - (1 << 24) if counts & 1 << 23 else counts

    def _bit(self) -> int:
        self._clock.value(1)
        bit = self._data.value()
        self._clock.value(0)
        return bit


def values_of(cell: LoadCell) -> dict:
    """What the profile restock.scale declares. A weight below nothing is a scale that must be set to zero: left out."""
    grams, at_rest = cell.read()
    values = {"stable": (at_rest, "")}
    if grams is not None:
        values["weight"] = (grams, "g")
    return values


def joined(wlan: object, config: dict) -> bool:
    """Whether there is a network now; asks for it where there is not."""
    if wlan.isconnected():
        return True
    try:
        wlan.active(True)
        wlan.connect(config["ssid"], config["key"])
    except OSError:
        wlan.active(False)  # a radio that is stuck; the next turn begins anew
    return False


def set_clock() -> bool:
    """Whether the clock is right, by network time."""
    if not clock_is_set():
        try:
            ntptime.settime()
        except OSError:
            return False
    return clock_is_set()


def run(config: dict) -> None:
    """Measure, keep and send, for ever."""
    broker, watchdog = config["broker"], machine.WDT(timeout=_WATCHDOG_MS)
    wlan = network.WLAN(network.STA_IF)
    cell = LoadCell(**config["load_cell"])

    def new_client(client_id: str, keepalive: int) -> object:
        user, password, port = broker["user"] or None, broker["password"], broker["port"]
        return MQTTClient(client_id, broker["host"], port, user, password, keepalive, tls(broker))

    device = Device(Store("readings"), new_client, config["identity"])
    taken_ms, pause_ms = None, _PAUSE_MIN_MS
    while True:
        watchdog.feed()
        if clock_is_set() and (taken_ms is None or time.ticks_diff(time.ticks_ms(), taken_ms) >= config["every_ms"]):
            taken_ms = time.ticks_ms()
            take(device, cell)
        try:
            more = joined(wlan, config["wifi"]) and set_clock() and device.step()
            pause_ms = _PAUSE_MIN_MS
            time.sleep_ms(0 if more else _IDLE_MS)
        except OSError as exc:
            print("not connected:", exc)
            time.sleep_ms(pause_ms)
            pause_ms = min(_PAUSE_MAX_MS, 2 * pause_ms)


def take(device: Device, cell: LoadCell) -> None:
    """Measure; what cannot be measured is no reading."""
    try:
        device.take(values_of(cell))
    except OSError as exc:
        print("not measured:", exc)


def tls(broker: dict) -> object:
    """A context that checks the broker's certificate against the home's authority; None for a plain connection."""
    if not broker["ca_file"]:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=broker["ca_file"])
    return context


if __name__ == "__main__":
    with open("config.json") as file:
        run(json.load(file))
