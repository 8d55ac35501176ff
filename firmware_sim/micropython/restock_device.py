"""The Restock-native protocol for MicroPython: number readings, keep them on flash until the hub's ack, send again.

Needs `umqtt.simple` and nothing else; no board, sensor or Wi-Fi here. See docs/protocol.md.

Two habits of umqtt.simple shape this file. A message that comes while `publish` waits for its PUBACK is handed to the
callback in the middle of it, so the callback only notes what to do. And its sockets wait for ever, so each use is
preceded by a timeout; what then fails is an OSError, and the cure is always the same: connect again.
"""

import json
import os
import time

_TIMEOUT_S = 10
_KEEPALIVE_S = 30
_PACKET_IDS = 60000  # umqtt.simple counts on for ever, and MQTT only to 65535


def utc_now() -> str:
    """The time as the protocol wants it; only once the clock is set."""
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % time.gmtime()[:6]


def clock_is_set() -> bool:
    """Whether the clock shows a year in which this was written, or a later one."""
    return time.gmtime()[0] >= 2026


class Store:
    """Readings on flash, a file each: `<boot>.<seq>`, which in the order of names is the order of readings.

    A file appears whole or not at all, and goes when the hub has acknowledged it. Beyond `keep_max` the oldest goes.
    """

    def __init__(self, folder: str, keep_max: int = 200) -> None:
        self._folder = folder
        self._keep_max = keep_max
        if folder not in os.listdir():
            os.mkdir(folder)
        self.boot = self._new_boot()
        self._seq = 0
        self._names = sorted(name for name in os.listdir(folder) if name[0] == "b" and name[-1].isdigit())

    def add(self, words: dict) -> None:
        """Give a reading the next number of this boot, and keep it."""
        self._seq += 1
        words["boot"], words["seq"] = self.boot, self._seq
        self._write("%s.%010d" % (self.boot, self._seq), json.dumps(words))
        self._names.append("%s.%010d" % (self.boot, self._seq))
        while len(self._names) > self._keep_max:
            self._remove(self._names[0])

    def kept(self) -> list:
        """(boot, seq) of what is kept, oldest first."""
        return [(name.split(".")[0], int(name.split(".")[1])) for name in self._names]

    def payload(self, boot: str, seq: int) -> bytes:
        """The bytes of one reading, the same each time."""
        with open(self._folder + "/%s.%010d" % (boot, seq), "rb") as file:
            return file.read()

    def first_held(self, boot: str) -> int:
        """The oldest reading of a boot that is kept; of this boot, the next one where none is."""
        return min([seq for of, seq in self.kept() if of == boot] or [self._seq + 1])

    def forget(self, boot: str, seq: int) -> None:
        """The hub has everything of that boot up to here."""
        for name in list(self._names):
            of, number = name.split(".")
            if of == boot and int(number) <= seq:
                self._remove(name)

    def _new_boot(self) -> str:
        """A count of starts, for the order of names, and something random, should flash be erased."""
        try:
            with open(self._folder + "/starts") as file:
                starts = int(file.read()) + 1
        except (OSError, ValueError):
            starts = 1
        self._write("starts", str(starts))
        return "b%06d-%s" % (starts, "".join("%02x" % byte for byte in os.urandom(4)))

    def _write(self, name: str, text: str) -> None:
        path = self._folder + "/" + name
        with open(self._folder + "/new", "w") as file:
            file.write(text)
        os.rename(self._folder + "/new", path)

    def _remove(self, name: str) -> None:
        self._names.remove(name)
        os.remove(self._folder + "/" + name)


class Device:
    """One device on its broker. `step` does whatever is to be done next, and never more than one exchange.

    `new_client(client_id, keepalive)` makes an `umqtt.simple.MQTTClient`; the credential is its business.
    """

    def __init__(self, store: Store, new_client: object, identity: dict) -> None:
        self._store = store
        self._new_client = new_client
        self._identity = identity
        self._base = "restock/v1/%s/%s/" % (identity["home"], identity["device"])
        self._client = None
        self._sent = None  # (boot, seq) that was sent last on this connection
        self._rebirth = False
        self._acks = []
        self._spoke_ms = 0

    def take(self, values: dict) -> None:
        """A reading of now: `values` is {name: (value, unit)}. Only once the clock is set."""
        told = {name: {"value": value, "unit": unit} for name, (value, unit) in values.items()}
        self._store.add({"device": self._identity["device"], "at": utc_now(), "values": told})

    def step(self) -> bool:
        """Connect, or hear and send; returns whether there is more to do at once.

        Raises: OSError when the connection is lost or cannot be made; `step` again after a pause connects anew.
        """
        try:
            if self._client is None:
                self._connect()
            self._hear()
            if self._rebirth:
                self._rebirth = False
                self._announce()
            return self._send_next() or self._keep_alive()
        except Exception as exc:  # umqtt raises its own errors, and asserts
            self._drop()
            raise OSError(str(exc) or type(exc).__name__)

    def leave(self) -> None:
        """Say goodbye in an orderly way, before a long sleep."""
        if self._client is not None:
            try:
                self._say_state("offline")
                self._client.disconnect()
            except Exception:
                pass  # the broker then says it
            self._drop()

    def _connect(self) -> None:
        client = self._new_client(self._identity["client_id"], _KEEPALIVE_S)
        client.set_callback(self._heard)
        client.set_last_will(self._base + "state", self._state("offline"), retain=True, qos=1)
        client.connect(True, _TIMEOUT_S)
        self._client, self._acks = client, []
        client.subscribe(self._base + "ack", 1)
        client.subscribe(self._base + "cmd", 1)
        self._announce()

    def _announce(self) -> None:
        """A birth for each boot that readings are kept of, our own last; then everything is sent again."""
        boots = []
        for boot, _ in self._store.kept():
            if boot not in boots and boot != self._store.boot:
                boots.append(boot)
        for boot in boots + [self._store.boot]:
            birth = {"device": self._identity["device"], "profile": self._identity["profile"], "boot": boot}
            birth["firmware"], birth["at"] = self._identity["firmware"], utc_now()
            birth["first_seq"] = self._store.first_held(boot)
            self._publish("birth", json.dumps(birth), True)
        self._say_state("online")
        self._sent = None

    def _say_state(self, word: str) -> None:
        self._publish("state", self._state(word), True)

    def _state(self, word: str) -> str:
        return json.dumps({"device": self._identity["device"], "boot": self._store.boot, "state": word})

    def _send_next(self) -> bool:
        for boot, seq in self._store.kept():
            if self._sent is None or (boot, seq) > self._sent:
                self._publish("reading", self._store.payload(boot, seq), False)
                self._sent = (boot, seq)
                return True
        return False

    def _publish(self, leaf: str, payload: object, retain: bool) -> None:
        client = self._client
        if client.pid > _PACKET_IDS:
            client.pid = 0
        self._be_patient()
        client.publish(
            (self._base + leaf).encode(), payload if isinstance(payload, bytes) else payload.encode(), retain, 1
        )
        self._spoke_ms = time.ticks_ms()

    def _hear(self) -> None:
        self._client.check_msg()
        while self._acks:
            boot, seq = self._acks.pop(0)
            self._store.forget(boot, seq)

    def _heard(self, topic: bytes, payload: bytes) -> None:
        """Called by umqtt in the middle of something else: only note what was said. What makes no sense is no word."""
        try:
            words = json.loads(payload)
            if topic.endswith(b"/cmd"):
                self._rebirth = self._rebirth or words["cmd"] == "rebirth"
            elif topic.endswith(b"/ack"):
                self._acks.append((str(words["boot"]), int(words["seq"])))
        except (ValueError, KeyError, TypeError):
            pass

    def _keep_alive(self) -> bool:
        if time.ticks_diff(time.ticks_ms(), self._spoke_ms) > _KEEPALIVE_S * 500:
            self._be_patient()
            self._client.ping()
            self._spoke_ms = time.ticks_ms()
        return False

    def _be_patient(self) -> None:
        """Wait so long for the broker and no longer. A TLS socket has no such setting: there the watchdog must do."""
        if hasattr(self._client.sock, "settimeout"):
            self._client.sock.settimeout(_TIMEOUT_S)

    def _drop(self) -> None:
        client, self._client = self._client, None
        try:
            client.sock.close()
        except Exception:
            pass  # there was none, or it is closed
