"""`restock-hub devices`: from a store at rest, beside a running hub, and from a broker."""

from __future__ import annotations

import json
import os
from pathlib import Path

import aiomqtt
import pytest

from edge_agent.__main__ import main
from edge_agent.adapters import devices_list
from edge_agent.adapters.store.connection import Connection
from edge_agent.commands.discover import _saved
from edge_agent.core.inventory.devices import Inventory
from edge_agent.folder import STORE_FILE
from tests.conftest import Broker
from tests.edge_agent.samples import MILK, NOW
from tests.edge_agent.web.sample_inventory import sample_inventory


def settings(folder: Path, url: str = "mqtt://127.0.0.1:9") -> Path:
    """A configuration file."""
    path = folder / "hub.toml"
    path.write_text(f"[home]\ndata_dir = {json.dumps(str(folder / 'data'))}\n[mqtt]\nurl = {json.dumps(url)}\n")
    return path


def test_the_list_survives_a_file(tmp_path: Path) -> None:
    """What the hub writes is what the command reads; the file is the hub's own user's."""
    inventory = sample_inventory([MILK])
    devices_list.write(tmp_path, inventory)
    assert devices_list.read(tmp_path) == inventory
    assert (tmp_path / "devices.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "devices.json").write_text("{")
    assert devices_list.read(tmp_path) is None


def test_without_a_store_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person is told what to do; a folder is not made by looking."""
    assert main(["devices", "--config", str(settings(tmp_path))]) == 2
    assert "no store there yet" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_store_at_rest_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hub is stopped: its store tells."""
    (tmp_path / "data").mkdir()
    with Connection(tmp_path / "data" / STORE_FILE) as connection, connection.transaction() as db:
        db.execute("INSERT INTO device (device, profile, seen_ms) VALUES ('fridge', 'restock.fridge', 1)")
    assert main(["devices", "--json", "--config", str(settings(tmp_path))]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["device"] for each in told["devices"]] == ["fridge"]
    assert told["source"] == "the hub's store"


def test_a_profile_that_was_refused_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else its device would be understood by no profile, and nobody would know why."""
    config = settings(tmp_path)
    own = tmp_path / "own"
    own.mkdir()
    (own / "soapy.yaml").write_text("profile: TODO\n")
    (tmp_path / "data").mkdir()
    with Connection(tmp_path / "data" / STORE_FILE):
        pass
    assert main(["devices", "--config", str(config), "--profiles", str(own)]) == 0
    assert f"Left out: a profile that was refused: {own}/soapy.yaml: line 1: profile: TODO" in capsys.readouterr().out


def test_beside_a_running_hub_its_own_list_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The store is the hub's alone; a list that is not there yet, or is of the run before, is said to be so."""
    (tmp_path / "data").mkdir()
    config = str(settings(tmp_path))
    with Connection(tmp_path / "data" / STORE_FILE):
        assert main(["devices", "--config", config]) == 2
        assert "try again in half a minute" in capsys.readouterr().err
        devices_list.write(tmp_path / "data", Inventory(as_of=NOW, source="the hub's store"))
        assert main(["devices", "--config", config]) == 0
        assert "from the running hub, which writes it every half a minute" in capsys.readouterr().out
        os.utime(tmp_path / "data" / "devices.json", (0, 0))
        assert main(["devices", "--config", config]) == 0
    assert "min old: the hub that runs now has written none since" in capsys.readouterr().out


@pytest.mark.parametrize("more", [["--topic", "a/#"], ["--save", "x"]])
def test_what_needs_listening_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    """An option that would do nothing is refused."""
    assert main(["devices", "--config", str(settings(tmp_path)), *more]) == 2
    assert "--for SECONDS" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "3601", "nan"])
def test_the_time_has_bounds(tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    """More than nothing, and no more than an hour."""
    assert main(["devices", "--config", str(settings(tmp_path)), f"--for={seconds}"]) == 2
    assert "at most 3600 seconds" in capsys.readouterr().err


@pytest.mark.broker
def test_listening_lists_and_keeps_examples(
    tmp_path: Path, nats_broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Strangers without values on the screen; whole in the folder, under a name that no topic chooses."""
    import asyncio  # noqa: PLC0415

    payload = b'{"level": 62, "user": "somebody@example.org"}'

    async def retain() -> None:
        async with aiomqtt.Client("127.0.0.1", nats_broker.port) as device:
            await device.publish("soapy/../kitchen", payload, qos=1, retain=True)

    asyncio.run(retain())
    config = str(settings(tmp_path, nats_broker.url))
    assert main(["devices", "--config", config, "--for", "2", "--save", str(tmp_path / "samples")]) == 0
    out, err = capsys.readouterr()
    assert "soapy/../kitchen  1 topic, 1 message" in out
    assert "{level: <number>, user: <text>}" in out
    assert "somebody@example.org" not in out + err
    (saved,) = (tmp_path / "samples").iterdir()
    assert saved.read_bytes() == payload
    assert saved.stat().st_mode & 0o777 == 0o600
    assert f"saved {saved} from 'soapy/../kitchen'" in err
    assert err.startswith("listening for 2 s ...\n")


def test_a_second_run_overwrites_nothing(tmp_path: Path) -> None:
    """Several messages of a topic stand side by side, the same one once, and what a person wrote into one stays."""
    first, again = {"a/b": (b"1", b"2"), "a/c": (b"1",)}, {"a/b": (b"2", b"3")}
    told = [*_saved(first, tmp_path), *_saved(again, tmp_path)]
    assert [each.is_new for each in told] == [True, True, True, False, True]
    assert sorted(each.read_bytes() for each in tmp_path.iterdir()) == [b"1", b"1", b"2", b"3"]
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    told[0].path.write_bytes(b"mine")
    _saved(first, tmp_path)
    assert told[0].path.read_bytes() == b"mine"
