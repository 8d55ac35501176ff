"""The simulator's tools over TLS: on a broker of a home with its own authority, with the logins that it gives out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.commands.enroll import Wish
from edge_agent.errors import ConfigurationError
from firmware_sim import listening
from firmware_sim.__main__ import _parser
from firmware_sim.conform import command as conform_command
from firmware_sim.record_command import run as record
from firmware_sim.replay_command import run as replay
from tests.identity.home import Caller, Home, Login, home

pytestmark = pytest.mark.broker

BASE = "restock/v1/home/fridge"


@pytest.fixture(params=["nats", "mosquitto"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """On all addresses, logins by password over TLS."""
    with home(tmp_path, request.param, host="0.0.0.0") as running:  # noqa: S104 - that is what is tested
        yield running


def broker_arguments(there: Home, login: Login) -> list[str]:
    """How a tool is told where the broker is, whom to trust, and who it is."""
    password = there.folder / f"{login.user}.password"
    password.write_text(login.password + "\n")
    ca = str(there.broker_folder / "ca.crt")
    url = f"mqtts://127.0.0.1:{there.tls_port}"
    return ["--broker", url, "--username", login.user, "--password-file", str(password), "--ca-file", ca]


def _at() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def announce(fridge: Caller) -> None:
    """Birth and state, kept by the broker."""
    who = {"device": "fridge", "boot": "b1"}
    birth = {**who, "profile": "restock.fridge", "firmware": "1", "at": _at(), "first_seq": 1}
    assert fridge.publish(f"{BASE}/birth", json.dumps(birth).encode(), retain=True)
    assert fridge.publish(f"{BASE}/state", json.dumps({**who, "state": "online"}).encode(), retain=True)


def measure(fridge: Caller, seq: int) -> None:
    """A reading."""
    values = {"milk": {"value": 900, "unit": "g"}, "door": {"value": "closed", "unit": ""}}
    words = {"device": "fridge", "boot": "b1", "seq": seq, "at": _at(), "values": values}
    assert fridge.publish(f"{BASE}/reading", json.dumps(words).encode())


async def measure_until(fridge: Caller, done: asyncio.Task[bool]) -> bool:
    """Reading after reading, each when the broker has the one before; what came of it."""
    seq = 0
    while not done.done():
        seq += 1
        await asyncio.to_thread(measure, fridge, seq)
    return await done


async def test_conform_checks_a_device_over_tls(there: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """With an observer's login that `enroll` makes: it hears the device, and can neither speak nor hear another."""
    fridge = there.call(there.enroll("fridge"), port=there.tls_port)
    observer = there.enroll("observer", observes="fridge")
    announce(fridge)
    words = ["conform", *broker_arguments(there, observer), "--device", "fridge", "--messages", "6", "--json"]
    check = asyncio.create_task(conform_command.run(_parser().parse_args(words)))
    assert await measure_until(fridge, check), capsys.readouterr()
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"


async def test_record_and_replay_over_tls(there: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the observer recorded is played back with the device's login, and arrives as it was."""
    login = there.enroll("fridge")
    observer = there.enroll("observer", observes="fridge")
    recording = tmp_path / "fridge.jsonl"
    fridge = there.call(login, port=there.tls_port)
    announce(fridge)
    words = ["record", *broker_arguments(there, observer), "--topic", f"{BASE}/#", "--out", str(recording)]
    task = asyncio.create_task(record(_parser().parse_args([*words, "--limit-messages", "4", "--no-redaction"])))
    assert await measure_until(fridge, task)
    fridge.leave()
    hub = there.call(there.hub())
    assert hub.subscribe(f"{BASE}/reading") == [1]
    words = ["replay", str(recording), *broker_arguments(there, login), "--speed", "max"]
    assert await replay(_parser().parse_args(words))
    said = [json.loads(line) for line in recording.read_text().splitlines()]
    payloads = [each["text"].encode() for each in said if each.get("topic") == f"{BASE}/reading"]
    assert payloads
    for payload in payloads:
        hub.wait_for(f"{BASE}/reading", payload)


# Where the handshake fails, paho leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_tool_does_not_talk_to_a_broker_that_it_cannot_check(there: Home) -> None:
    """Without the home's authority it says so and what to look at, and sends no password."""
    login = there.enroll("observer", observes="fridge")
    arguments = broker_arguments(there, login)[:-2]
    words = ["conform", *arguments, "--device", "fridge", "--for", "1"]
    with pytest.raises(listening.LinkError, match="TLS"):
        await conform_command.run(_parser().parse_args(words))


def test_an_observer_hears_one_device_and_says_nothing(there: Home) -> None:
    """It may be enrolled beside the device, in either order; another device's words do not reach it."""
    observer = there.enroll("observer", observes="fridge")
    fridge = there.call(there.enroll("fridge"), port=there.tls_port)
    kettle = there.call(there.enroll("kettle"), port=there.tls_port)
    watcher, hub = there.call(observer, port=there.tls_port), there.call(there.hub())
    assert watcher.subscribe(f"{BASE}/#") == [1]
    assert hub.subscribe("restock/v1/home/+/reading") == [1]
    watcher.subscribe("restock/v1/home/kettle/#")  # nats-server refuses, Mosquitto gives nothing
    watcher.publish(f"{BASE}/reading", b"forged")
    assert kettle.publish("restock/v1/home/kettle/reading", b"another's")
    assert fridge.publish(f"{BASE}/reading", b"own")
    watcher.wait_for(f"{BASE}/reading", b"own")
    hub.wait_for(f"{BASE}/reading", b"own")
    assert [each[:2] for each in watcher.heard] == [(f"{BASE}/reading", b"own")]
    assert (f"{BASE}/reading", b"forged", False) not in hub.heard


def test_an_observer_of_no_device_is_refused(tmp_path: Path) -> None:
    """A name that could stand for more than one device is no name."""
    enrolment = Home(tmp_path, "nats").enrolment
    for name in ("+", "#", "a/b", "Fridge"):
        with pytest.raises(ConfigurationError, match="1 to 64 of a-z"):
            enrolment.enroll("observer", Wish(observes=name))
