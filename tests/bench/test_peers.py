"""The comparison with other gateways: its stream, how output is read, and what is made of the rounds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bench.peers import install
from tests.bench.peers.__main__ import OURS, Round, figures, turned
from tests.bench.peers.gateway import NotInstalledError, Place
from tests.bench.peers.node_red import NodeRed
from tests.bench.peers.stream import DEVICES, READINGS, Publisher, Stream, keys, wire_to
from tests.bench.peers.thingsboard import ThingsBoard
from tests.bench.peers.trial import BURST, Life
from tests.conftest import Broker
from tests.kill.waiting import comes_true

STREAM = Stream(datetime(2026, 1, 1, tzinfo=UTC))
LOCK = Path(__file__).parent / "peers" / "node-red" / "package-lock.json"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where a gateway would work; nothing listens there."""
    return Place(tmp_path, broker_port=9, cloud_port=9)


def a_round(*, cpu_s: float = 1.0, drain_per_s: float = 100.0, lost: int = 0, away: int | None = 0) -> Round:
    """A round of a gateway that behaves."""
    life = Life(
        start_s=1.0,
        idle_cpu_percent=0.0,
        idle_mb=50.0,
        peak_mb=60.0,
        drain_per_s=drain_per_s,
        drain_s=1.0,
        cpu_s=cpu_s,
        lost=0,
    )
    return Round(life, lost_steady=0, lost_burst=lost, lost_away=away)


def test_the_stream_is_the_same_for_all() -> None:
    """Byte for byte: each device on its own topic, its readings numbered from 1 without a gap."""
    first, again = (STREAM.readings(3 * DEVICES) for _ in range(2))
    assert [(each.topic, each.payload) for each in first] == [(each.topic, each.payload) for each in again]
    assert len({each.topic for each in first}) == DEVICES
    assert {seq for device, seq in keys(first) if device == "fridge-007"} == {1, 2, 3}
    assert {each.topic.split("/")[3] for each in first} < {each.topic.split("/")[3] for each in STREAM.births()}
    words = json.loads(first[-1].payload)
    assert (words["device"], words["seq"], len(words["values"])) == ("fridge-199", 3, 3)
    assert 190 <= len(first[-1].payload) <= 210


@pytest.mark.broker
async def test_the_publisher_has_sent_all_when_it_says_so(mosquitto_broker: Broker) -> None:
    """A burst is over when the broker has acknowledged it; whoever listens has it then or soon after."""
    heard: set[bytes] = set()
    ear = await wire_to(mosquitto_broker.port).listen(
        [READINGS], lambda _, payload: heard.add(payload), client_id="ear"
    )
    readings = STREAM.readings(300)  # more than may be in flight
    async with Publisher(mosquitto_broker.port) as publisher:
        await publisher.burst(readings)
        assert await comes_true(lambda: heard == {each.payload for each in readings}, within_s=20.0)
    await ear.close()


async def test_a_torn_line_of_node_red_is_no_reading(place: Place) -> None:
    """What a kill has left half written is not in the output, and lines are counted once."""
    gateway, output = NodeRed(place, place.folder), place.folder / "readings.jsonl"
    assert (gateway.out(), await gateway.kept()) == (0, set())
    one, two = (f'{{"device":"d","seq":{seq}}}\n' for seq in (1, 2))
    output.write_text(one, encoding="utf-8")
    assert gateway.out() == 1
    output.write_text(one + two + two[:9], encoding="utf-8")
    assert gateway.out() == 2
    assert await gateway.kept() == {("d", 1), ("d", 2)}


async def test_thingsboards_storage_is_read_as_it_grows(place: Place) -> None:
    """Rows are counted once; a file without a table holds nothing yet."""
    gateway, folder = ThingsBoard(place, Path("python")), place.folder / "data"
    assert gateway.out() == 0
    folder.mkdir()
    with closing(sqlite3.connect(folder / "data.db")) as store:
        assert gateway.out() == 0
        store.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, message TEXT)")
        for seq in (1, 2):
            said = {
                "deviceName": "d",
                "telemetry": [{"ts": 1, "values": {"seq": seq}}, {"ts": 1, "values": {"milk": 1}}],
            }
            store.execute("INSERT INTO messages (message) VALUES (?)", (json.dumps(said),))
            store.commit()
            assert gateway.out() == seq
    assert await gateway.kept() == {("d", 1), ("d", 2)}


def test_each_gateway_comes_first_in_turn() -> None:
    """So that none always finds the machine as another left it."""
    assert [turned(["a", "b", "c"], number)[0] for number in range(4)] == ["a", "b", "c", "a"]


def test_bars_are_for_ours_and_losses_are_the_worst_round() -> None:
    """One round with a loss is a loss, whatever the median says."""
    ours = {0: a_round(), 1: a_round(lost=3), 2: a_round()}
    told = {each.name: each for each in figures({OURS: ours, "node-red": {0: a_round(lost=9, away=None)}})}
    lost = told["hub_most_lost_killed_burst"].words()
    assert (lost["median"], lost["met"], lost["each_round"], lost["of"]) == (3, False, [0, 3, 0], BURST)
    assert told["node_red_most_lost_killed_burst"].bar is None
    assert "hub_most_lost_killed_cloud_away" in told
    assert "node_red_most_lost_killed_cloud_away" not in told


def test_ratios_are_taken_round_by_round() -> None:
    """Of rounds that both have; a gateway that is not measured has none."""
    ours = {0: a_round(cpu_s=1.0), 1: a_round(cpu_s=2.0), 2: a_round(cpu_s=9.0)}
    theirs = {0: a_round(cpu_s=4.0, drain_per_s=50.0), 1: a_round(cpu_s=4.0, drain_per_s=200.0)}
    told = {each.name: each for each in figures({OURS: ours, "thingsboard": theirs})}
    assert told["hub_cpu_of_thingsboard"].rounds == [0.25, 0.5]
    assert told["hub_drain_of_thingsboard"].rounds == [2.0, 0.5]
    assert not [each for each in figures({"thingsboard": theirs}) if "_of_" in each.name]


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without node there is no Node-RED, and the message says what is wanted."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotInstalledError, match="node 20 or newer and npm"):
        install.node_red()


def test_node_reds_lock_is_whole_and_names_no_host() -> None:
    """Every package has its hash, or is inside one that has; where it comes from is the reader's own setting."""
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    assert len(packages) > 200
    fetched = {name: words for name, words in packages.items() if name and not words.get("inBundle")}
    assert [name for name, words in fetched.items() if "integrity" not in words] == []
    assert [name for name, words in packages.items() if "resolved" in words] == []
