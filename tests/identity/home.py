"""A home's broker as `restock-hub enroll` sets it up: a real nats-server or Mosquitto on the files that it wrote.

`Home` starts one and enrols; `Caller` is somebody who connects, honest or not. What a broker does not tell is seen by
its log or by what comes after it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge_agent.adapters.broker_config import Told
from edge_agent.commands.enroll import Enrolment, Wish
from edge_agent.config import BrokerConfig, HomeConfig, HubConfig
from tests.conftest import answers

WITHIN_S = 20.0
HUB = "hub"
_STEP_S = 0.02
_PORT_TRIES = 5


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Return as soon as it holds; fail with `what` when it does not in time."""
    pause = threading.Event()
    for _ in range(int(WITHIN_S / _STEP_S)):
        if holds():
            return
        pause.wait(_STEP_S)
    pytest.fail(f"did not happen within {WITHIN_S} s: {what}")


@dataclass(frozen=True)
class Login:
    """How a caller proves who it is: a password, or certificate and key. `ca` is whom it trusts."""

    user: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Login:
        """What the command printed."""
        paths = {name: Path(told[name]) for name in ("certificate", "key") if name in told}
        ca = Path(told["ca_file"]) if "ca_file" in told else None
        return cls(told.get("user", ""), told.get("password", ""), told["client_id"], ca=ca, **paths)

    def tls(self) -> ssl.SSLContext | None:
        """The caller's side of TLS."""
        if self.ca is None:
            return None
        context = ssl.create_default_context(cafile=str(self.ca))
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


class Caller:
    """One connection. `answer` is what the broker said to it: `accepted`, `refused`, or `closed` without a word."""

    def __init__(self, port: int, login: Login, *, host: str = "127.0.0.1", **how: Any) -> None:  # noqa: ANN401
        self.heard: list[tuple[str, bytes, bool]] = []
        self.gone = threading.Event()
        self._news = threading.Condition()
        self._answer = ""
        self._acked: set[int] = set()
        self._granted: dict[int, list[int]] = {}
        self.client = self._new(login, **how)
        with suppress(OSError):
            self.client.connect(host, port, keepalive=60)
            self.client.loop_start()
        self._wait(lambda: bool(self._answer) or self.gone.is_set() or self.client.socket() is None)
        self.answer = self._answer or "closed"

    def _new(
        self, login: Login, *, will: tuple[str, bytes, bool] | None = None, clean: bool = True, mqtt5: bool = False
    ) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=login.client_id,
            clean_session=None if mqtt5 else clean,
            protocol=MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        if login.user:
            client.username_pw_set(login.user, login.password)
        if (tls := login.tls()) is not None:
            client.tls_set_context(tls)
        if will is not None:
            client.will_set(will[0], will[1], qos=1, retain=will[2])
        client.on_connect = lambda _c, _u, _f, code, _p: self._note_answer("refused" if code.is_failure else "accepted")
        client.on_disconnect = lambda *_: self._note(self.gone.set)
        client.on_message = lambda _c, _u, m: self._note(lambda: self.heard.append((m.topic, m.payload, m.retain)))
        client.on_publish = lambda _c, _u, mid, _r, _p: self._note(lambda: self._acked.add(mid))
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._note(
            lambda: self._granted.update({mid: [code.value for code in codes]})
        )
        return client

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """The broker's answers, one for each filter: 0x80 is a refusal. Empty when it closed the connection."""
        mid = self.client.subscribe([(each, qos) for each in filters])[1]
        self._wait(lambda: mid in self._granted or self.gone.is_set())
        return self._granted.get(mid or 0, [])

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> bool:
        """With QoS 1; whether the broker acknowledged it. False: it closed the connection."""
        mid = self.client.publish(topic, payload, qos=1, retain=retain).mid
        self._wait(lambda: mid in self._acked or self.gone.is_set())
        return mid in self._acked

    def wait_for(self, topic: str, payload: bytes) -> None:
        """Until this message is there."""
        self._wait(lambda: any(each[:2] == (topic, payload) for each in self.heard))

    def wait_gone(self) -> None:
        """Until the connection is closed."""
        self._wait(self.gone.is_set)

    @property
    def is_there(self) -> bool:
        """Whether the broker still answers on this connection."""
        return not self.gone.is_set() and bool(self.subscribe(f"restock/v1/home/{HUB}/alive"))

    def drop(self) -> None:
        """Cut the line without a word, as a power cut does."""
        line = self.client.socket()
        assert line is not None
        line.shutdown(socket.SHUT_RDWR)
        self.wait_gone()

    def leave(self) -> None:
        """Say good-bye."""
        self.client.disconnect()
        self.client.loop_stop()
        self.client._reset_sockets()  # paho leaves the pair that wakes its thread to the garbage collector

    def _note_answer(self, answer: str) -> None:
        with self._news:
            self._answer = answer
            self._news.notify_all()

    def _note(self, step: Callable[[], object]) -> None:
        with self._news:
            step()
            self._news.notify_all()

    def _wait(self, holds: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(holds, timeout=WITHIN_S), f"nothing within {WITHIN_S} s; heard {self.heard}"


class Home:
    """The enrolment of a home and its running broker."""

    def __init__(self, folder: Path, kind: str, *, host: str = "127.0.0.1", certificates: bool = False) -> None:
        self.kind = kind
        self.folder = folder
        self.now = datetime.now(UTC)  # brokers judge certificates by the real time
        self._how: dict[str, Any] = {"host": host, "certificates": certificates}
        self._process: subprocess.Popen[bytes] | None = None
        self._callers: list[Caller] = []
        self.broker_folder = folder / "data" / "broker"
        self.log = folder / "broker.log"
        self._reset_ports()

    def _reset_ports(self) -> None:
        self.port, self.tls_port, self.certificate_port = _free_ports(3)
        self.config = HubConfig(
            home=HomeConfig(data_dir=str(self.folder / "data")),
            broker=BrokerConfig(
                kind=self.kind,  # type: ignore[arg-type] - one of the two
                port=self.port,
                tls_port=self.tls_port,
                certificate_port=self.certificate_port,
                names=("127.0.0.1",),
                **self._how,
            ),
        )

    @property
    def enrolment(self) -> Enrolment:
        """As a run of the command makes it."""
        return Enrolment(self.config, now=lambda: self.now)

    @property
    def process_id(self) -> int | None:
        """Of the broker that runs."""
        return self._process.pid if self._process else None

    @property
    def word_port(self) -> int:
        """Where one connects with a password."""
        is_open = self.kind == "mosquitto" or not (self._how["certificates"] or self._how["host"] != "127.0.0.1")
        return self.port if is_open else self.tls_port

    @property
    def shown_port(self) -> int:
        """Where one connects with a certificate."""
        return self.certificate_port if self.kind == "mosquitto" else self.tls_port

    def enroll(self, device: str, **wish: Any) -> Login:  # noqa: ANN401 - the fields of a Wish
        """Enrol and wait until the broker has it."""
        return self._told(lambda: self.enrolment.enroll(device, Wish(out=self.folder, **wish)))

    def rotate(self, device: str, *, overlap: timedelta = timedelta(0)) -> Login:
        """Rotate and wait until the broker has it."""
        return self._told(lambda: self.enrolment.rotate(device, Wish(out=self.folder), overlap=overlap))

    def revoke(self, device: str) -> None:
        """Revoke and wait until the broker has it."""
        self.after_reload(lambda: self.enrolment.revoke(device))

    def write_again(self) -> None:
        """The same without a change."""
        self.after_reload(self.enrolment.write_again)

    def hub(self, connection: str = "") -> Login:
        """The hub's own login: one that reads, `OUT_` or `LOOK_`."""
        lines = (self.broker_folder / "hub.env").read_text().splitlines()
        known = dict(line.split("=", 1) for line in lines)
        ca = self.broker_folder / "ca.crt" if self.word_port == self.tls_port else None
        if not known:
            return Login(
                client_id=f"hub-4f2a9c7be1d05836{connection}",
                certificate=self.broker_folder / "hub.crt",
                key=self.broker_folder / "hub.key",
                ca=self.broker_folder / "ca.crt",
            )
        user, password = (known[f"RESTOCK_MQTT_{connection}{part}"] for part in ("USER", "PASSWORD"))
        return Login(user, password, f"hub-4f2a9c7be1d05836{connection}", ca=ca)

    def call(self, login: Login, *, port: int | None = None, **how: Any) -> Caller:  # noqa: ANN401
        """Connect; the connection ends with the home."""
        wanted = self.shown_port if login.certificate is not None else self.word_port
        caller = Caller(port or wanted, login, **how)
        self._callers.append(caller)
        return caller

    def start(self) -> None:
        """Start the broker on what was written; it is up when its own log says so and, with a plain port, it answers.

        Raises: ChildProcessError when it ends instead.
        """
        mark = "Server is ready" if self.kind == "nats" else " running"
        before = self.said(mark) if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = started = subprocess.Popen(self._command(), stdout=log, stderr=log)
        wait_until(lambda: self.said(mark) > before or started.poll() is not None, f"{self.kind} starts")
        if started.poll() is not None:
            raise ChildProcessError(f"{self.kind} ended: {self.log.read_text(errors='replace')[-2_000:]}")
        if self.kind == "mosquitto":
            wait_until(lambda: answers(self.port), "mosquitto answers")

    def try_other_ports(self) -> None:
        """Somebody took those that were free."""
        self._reset_ports()
        self.enrolment.write_again()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the broker."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(WITHIN_S)

    def close(self) -> None:
        """End everything."""
        for caller in self._callers:
            caller.leave()
        self.stop()

    def said(self, text: str) -> int:
        """How often the broker's log has this."""
        return self.log.read_text(errors="replace").count(text)

    def _command(self) -> list[str]:
        name, file = ("nats-server", "nats.conf") if self.kind == "nats" else ("mosquitto", "mosquitto.conf")
        return [program(name), "-c", str(self.broker_folder / file)]

    def _told(self, does: Callable[[], Mapping[str, Any]]) -> Login:
        return Login.of(self.after_reload(does))

    def after_reload(self, does: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Do it, and wait until the broker that runs has read its logins again."""
        mark = "Reloaded server configuration" if self.kind == "nats" else "Reloading config."
        before = self.said(mark) if self.log.exists() else 0
        told = does()
        if self._process is not None:
            assert told["in_force"], told
        if told["broker"] == Told.RELOADED:
            wait_until(lambda: self.said(mark) > before, "the broker reads its logins again")
        return told


@contextmanager
def home(folder: Path, kind: str, **how: Any) -> Iterator[Home]:  # noqa: ANN401
    """A home whose broker runs, with nobody enrolled but the hub; other ports when somebody took the free ones."""
    program("nats-server" if kind == "nats" else "mosquitto")
    made = Home(folder, kind, **how)
    try:
        made.write_again()
        for attempt in range(1, _PORT_TRIES + 1):
            try:
                made.start()
                break
            except ChildProcessError:
                if attempt == _PORT_TRIES:
                    raise
                made.try_other_ports()
        yield made
    finally:
        made.close()


def program(name: str) -> str:
    """Its path. Missing, it skips the test, but not in CI: there a skip would hide that nothing was tested."""
    places = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/usr/local/sbin:{os.environ.get('PATH', '')}"
    found = shutil.which(name, path=places)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is missing")
    return str(found)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
