"""The load fleet on real brokers, judged by counts."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt import publish

from edge_agent.adapters.store.connection import Connection
from firmware_sim.__main__ import main
from tests.conftest import Broker

pytestmark = pytest.mark.broker

_MANY = ["--devices", "200", "--homes", "20", "--rate", "200", "--duration", "2"]


@pytest.fixture(params=["5", "3.1.1"])
def told(request: pytest.FixtureRequest, broker: Broker, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a fleet by one version of MQTT; gives the exit code and the result."""
    if request.param not in broker.protocols:
        pytest.skip(f"{broker.kind} does not speak MQTT {request.param}")

    def tell(*argv: str) -> tuple[int, dict[str, Any]]:
        code = main(["fleet", "--broker", broker.url, "--mqtt", request.param, "--json", *argv])
        return code, json.loads(capsys.readouterr().out)

    return tell


def test_everything_comes_through_once(told: Callable[..., Any]) -> None:
    """200 devices in 20 homes, two readings each; nothing is lost, doubled or left over."""
    code, result = told(*_MANY)
    assert code == 0
    assert result["connections"]["reached"] == 200
    assert (result["readings"]["taken"], result["readings"]["acknowledged"]) == (400, 400)
    assert (result["consumer"]["distinct"], result["consumer"]["duplicates"], result["consumer"]["lost"]) == (400, 0, 0)
    assert (result["consumer"]["foreign"], result["consumer"]["unreadable"]) == (0, 0)


def test_faults_and_outages_lose_nothing_that_was_acknowledged(told: Callable[..., Any]) -> None:
    """What is doubled comes twice, what is cut off cannot be read, and devices come back after an outage and a herd."""
    faults = [
        word for kind in ("duplicate", "malformed", "gap", "reorder", "reboot") for word in ("--fault", f"{kind},0.1")
    ]
    code, result = told(*_MANY, "--outage", "0.5,0.5,0.5", "--herd", "1.9", *faults)
    readings, heard = result["readings"], result["consumer"]
    assert code == 0
    assert result["ended"] == "done"
    assert heard["lost"] == 0
    assert readings["doubled"] > 0
    assert 0 < heard["duplicates"] <= heard["sent_again"]
    assert 0 < heard["unreadable"] <= readings["malformed"]
    assert readings["unacknowledged"] == 0
    assert result["connections"]["made"] > 400
    assert result["connections"]["reached"] == 200


def test_a_device_has_birth_state_and_last_will(mosquitto_broker: Broker) -> None:
    """Retained, as the protocol asks; and `--clear` takes them back."""
    code = main(_one(mosquitto_broker, "--duration", "1"))
    kept = asyncio.run(_retained(mosquitto_broker))
    assert code == 0
    assert sorted(kept) == ["birth", "state"]
    assert kept["birth"]["device"] == "fridge-00000"
    assert kept["state"] == {"device": "fridge-00000", "boot": kept["birth"]["boot"], "state": "offline"}
    main(_one(mosquitto_broker, "--duration", "1", "--clear"))
    assert asyncio.run(_retained(mosquitto_broker)) == {}


def test_more_devices_than_files_is_said_at_once_and_the_rest_is_kept(mosquitto_broker: Broker) -> None:
    """As many as fit are there, and nothing that these sent is lost."""
    done = _limited("ulimit -n 164", mosquitto_broker, "--json", *_MANY)
    result = json.loads(done.stdout)
    reached = result["connections"]["reached"]
    assert done.returncode == 1
    assert 0 < reached <= 100
    assert result["connections"]["given_up"] == 200 - reached
    assert f"open files for {reached} of 200 devices" in done.stderr.splitlines()[0]
    assert "ulimit -n" in done.stderr.splitlines()[0]
    assert result["consumer"]["lost"] == 0
    assert result["readings"]["acknowledged"] == 2 * reached


@pytest.mark.parametrize("consumer", ["check", "none"])
def test_a_broker_that_refuses_ends_the_run(
    start_nats: Callable[[str], Broker], consumer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said at once with what to change, by whichever connection is refused first."""
    broker = start_nats('authorization { user: "fleet", password: "right" }')
    code = main(["fleet", "--broker", broker.url, "--mqtt", "3.1.1", "--consumer", consumer, "--json", *_MANY])
    printed = capsys.readouterr()
    assert code == 1
    assert "refuses" in printed.err
    if consumer == "none":
        result = json.loads(printed.out)
        assert (result["ended"], result["connections"]["reached"]) == ("refused", 0)
        assert "password" in printed.err


def test_a_broker_that_takes_no_more_connections_is_named_with_how_many_it_took(
    start_nats: Callable[[str], Broker], capsys: pytest.CaptureFixture[str]
) -> None:
    """The others try again; nothing of those that are there is lost."""
    broker = start_nats("max_connections: 31")
    words = ["--devices", "60", "--rate", "60", "--duration", "2", "--settle", "0.5", "--json"]
    code = main(["fleet", "--broker", broker.url, "--mqtt", "3.1.1", *words])
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert code == 1
    assert result["connections"]["reached"] == 30  # and the check subscriber
    assert result["connections"]["failed"] >= 30
    assert (result["ended"], result["consumer"]["lost"]) == ("unsettled", 0)
    assert result["readings"]["acknowledged"] == 60
    assert "a connection was not taken" in printed.err
    assert "limits on connections" in printed.err


def test_files_that_are_too_large_for_the_disk_fail_the_run_and_keep_the_rest(
    mosquitto_broker: Broker, tmp_path: Path
) -> None:
    """The truth log ends the run in the middle; the page is missed; the result is printed all the same."""
    words = ["--devices", "50", "--rate", "200", "--duration", "30", "--json", "--html", str(tmp_path / "page")]
    done = _limited("ulimit -f 8", mosquitto_broker, *words, "--truth", str(tmp_path / "truth"))
    result = json.loads(done.stdout)
    lines = (tmp_path / "truth").read_text().splitlines()
    assert done.returncode == 1
    assert (result["ended"], result["consumer"]["lost"]) == ("disk_full", 0)
    assert result["lasted_s"] < 30
    assert result["readings"]["acknowledged"] > 0
    assert all(json.loads(line) for line in lines[:-1])
    assert "the truth log cannot be written: File too large" in done.stderr
    assert "--html" in done.stderr


def test_a_result_that_cannot_be_printed_is_said(mosquitto_broker: Broker, tmp_path: Path) -> None:
    """In one line, and the files are there."""
    words = ["--devices", "5", "--duration", "1", "--json", "--html", str(tmp_path / "page")]
    done = _limited("exec >/dev/full", mosquitto_broker, *words)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("standard output: the result cannot be written there (No space left")
    assert "Traceback" not in done.stderr
    assert (tmp_path / "page").stat().st_size > 1_000


def _limited(before: str, broker: Broker, *words: str) -> subprocess.CompletedProcess[str]:
    """A fleet in a shell that has done something before."""
    program = [sys.executable, "-m", "firmware_sim", "fleet", "--broker", broker.url, *words]
    return subprocess.run(
        ["sh", "-c", f'{before}; exec "$@"', "sh", *program], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_devices_that_listen_answer_a_rebirth(broker: Broker, version: str) -> None:
    """A hub that asks when they are there hears birth and state once more."""
    if version not in broker.protocols:
        pytest.skip(f"{broker.kind} does not speak MQTT {version}")
    words = [
        "--mqtt",
        version,
        "--devices",
        "1",
        "--homes",
        "1",
        "--rate",
        "1",
        "--duration",
        "4",
        "--listen",
        "--json",
    ]
    program = [sys.executable, "-m", "firmware_sim", "fleet", "--broker", broker.url, *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fleet:
        assert fleet.stderr is not None
        while "connected 1/1" not in fleet.stderr.readline():
            assert fleet.poll() is None
        publish.single(
            "restock/v1/home/fridge-00000/cmd", '{"cmd":"rebirth"}', qos=1, hostname="127.0.0.1", port=broker.port
        )
        told, _ = fleet.communicate(timeout=120)
    result = json.loads(told)
    assert result["hub"] == {"acks": 0, "rebirths": 1}
    assert result["ok"]


def test_the_wrong_version_of_mqtt_is_named(nats_broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    """NATS answers a CONNECT of MQTT 5 in the old form."""
    code = main(["fleet", "--broker", nats_broker.url, "--json", *_MANY])
    assert code == 1
    assert "try --mqtt 3.1.1" in capsys.readouterr().err


def test_what_the_hub_stored_is_compared(
    mosquitto_broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against a store of the hub's own schema that got nothing, everything is lost; the run says so and ends."""
    store = tmp_path / "hub.sqlite3"
    with Connection(store):
        pass
    argv = ["fleet", "--broker", mosquitto_broker.url, "--json", "--devices", "10", "--homes", "1", "--duration", "2"]
    code = main([*argv, "--consumer", "hub", "--store", str(store), "--settle", "0.5"])
    result = json.loads(capsys.readouterr().out)
    assert code == 1
    assert result["ended"] == "unsettled"
    assert result["consumer"]["lost"] == result["readings"]["acknowledged"] == 2
    with closing(sqlite3.connect(store)) as hub:
        assert hub.execute("SELECT count(*) FROM message").fetchone() == (0,)


def test_all_files_of_a_result_are_written(
    mosquitto_broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Truth, devices and page; one that cannot be written fails the run and not the others."""
    argv = [
        "fleet",
        "--broker",
        mosquitto_broker.url,
        "--devices",
        "10",
        "--duration",
        "1",
        "--truth",
        str(tmp_path / "t"),
    ]
    code = main([*argv, "--per-device", str(tmp_path / "d"), "--html", str(tmp_path / "no" / "page")])
    printed = capsys.readouterr()
    assert code == 1
    assert "--html" in printed.err
    assert "cannot be written" in printed.err
    assert "readings: 1 taken, 1 acknowledged" in printed.out
    assert len((tmp_path / "d").read_text().splitlines()) == 10
    assert json.loads((tmp_path / "t").read_text().splitlines()[-1])["ended"] == "done"


def _one(broker: Broker, *more: str) -> list[str]:
    return [
        "fleet",
        "--broker",
        broker.url,
        "--devices",
        "1",
        "--homes",
        "1",
        "--rate",
        "5",
        "--consumer",
        "none",
        *more,
    ]


async def _retained(broker: Broker) -> dict[str, Any]:
    """What the broker keeps of the one device, by the last word of its topic."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("restock/v1/home/fridge-00000/#", qos=1)
        await client.subscribe("probe", qos=1)
        await client.publish("probe", b"{}", qos=1)
        kept = {}
        async for message in client.messages:
            if message.topic.value == "probe":
                return kept
            assert isinstance(message.payload, bytes)
            kept[message.topic.value.rpartition("/")[2]] = json.loads(message.payload)
    raise AssertionError


@pytest.mark.parametrize(("version", "keeps"), [("5", False), ("3.1.1", True)])
def test_a_broker_that_restarts_loses_nothing_that_it_acknowledged(
    mosquitto_broker: Broker, version: str, *, keeps: bool
) -> None:
    """Devices and check subscriber come back; where the broker has forgotten the latter's session, that is said.

    Mosquitto 2.0.11 keeps sessions of MQTT 3.1.1 over a restart, and those of MQTT 5 not always.
    """
    words = ["--mqtt", version, "--devices", "50", "--rate", "50", "--duration", "6", "--json"]
    program = [sys.executable, "-m", "firmware_sim", "fleet", "--broker", mosquitto_broker.url, *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fleet:
        assert fleet.stderr is not None
        while "connected 50/50" not in fleet.stderr.readline():
            assert fleet.poll() is None
        mosquitto_broker.stop()
        mosquitto_broker.start()
        told, _ = fleet.communicate(timeout=120)
    result = json.loads(told)
    assert result["connections"]["lost"] == 50
    assert result["connections"]["made"] >= 100
    assert (result["readings"]["taken"], result["readings"]["acknowledged"]) == (300, 300)
    heard = result["consumer"]
    assert heard["breaks"] == 1
    assert heard["forgotten"] == 0 or not keeps
    assert heard["lost"] == 0 or any("forgotten" in notice["what"] for notice in result["notices"])
