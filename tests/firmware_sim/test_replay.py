"""Playing a recording again: its times at any speed, and on real brokers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiomqtt
import pytest

from firmware_sim.__main__ import main
from firmware_sim.listening import Broker as Address
from firmware_sim.record import Limits, Recorder, record
from firmware_sim.record_format import Entry, Header, RecordingError, end_line, entry_line, header_line
from firmware_sim.replay import Plan, load, play, replay
from tests.conftest import Broker
from tests.firmware_sim.test_record import entries_of

HEADER = Header("2026-01-31T12:00:00Z", ("#",), redacted=False)
ENTRIES = [
    Entry(0.0, "plug/LWT", b"Online", 1, retain=True),
    Entry(2.0, "plug/SENSOR", b'{"kg":1.5}', 1, retain=False),
    Entry(2.0, "meter/raw", b"\x00\xff", 1, retain=False),
    Entry(10.0, "plug/SENSOR", b'{"kg":1.4}', 0, retain=False),
]


def written(path: Path, entries: list[Entry] = ENTRIES) -> Path:
    """A recording of these."""
    lines = [header_line(HEADER), *map(entry_line, entries), end_line(messages=len(entries), left_out=0, why="time")]
    path.write_text("".join(lines))
    return path


class Wall:
    """Time that passes only while somebody sleeps, and while something is published."""

    def __init__(self, publish_s: float = 0.0) -> None:
        self.now_s = 50.0
        self.sent: list[tuple[float, Entry]] = []
        self._publish_s = publish_s

    def monotonic(self) -> float:
        """Now."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Passes the time."""
        assert seconds > 0
        self.now_s += seconds

    async def publish(self, entry: Entry) -> None:
        """Takes its time."""
        self.sent.append((self.now_s - 50.0, entry))
        self.now_s += self._publish_s


@pytest.mark.parametrize(
    ("speed", "times_s"), [(1.0, [0, 2, 2, 10]), (4.0, [0, 0.5, 0.5, 2.5]), (0.5, [0, 4, 4, 20]), (None, [0, 0, 0, 0])]
)
async def test_each_message_goes_out_at_its_time(speed: float | None, times_s: list[float]) -> None:
    """Divided by the speed; at full speed nobody waits."""
    wall = Wall()
    played = await play(ENTRIES, wall.publish, plan=Plan(speed), monotonic=wall.monotonic, sleep=wall.sleep)
    assert [at_s for at_s, _ in wall.sent] == pytest.approx(times_s)
    assert [entry for _, entry in wall.sent] == ENTRIES
    assert (played.messages, played.behind_s) == (4, 0.0)


async def test_a_slow_broker_does_not_shift_what_comes_later() -> None:
    """Late messages go out at once, in order, and the next that can keeps its time."""
    wall = Wall(publish_s=1.5)
    played = await play(ENTRIES, wall.publish, plan=Plan(1.0), monotonic=wall.monotonic, sleep=wall.sleep)
    assert [at_s for at_s, _ in wall.sent] == pytest.approx([0.0, 2.0, 3.5, 10.0])
    assert played.behind_s == pytest.approx(1.5)


def test_a_prefix_puts_everything_elsewhere(tmp_path: Path) -> None:
    """And nothing need stay on the broker."""
    file = written(tmp_path / "r.jsonl")
    loaded = list(load(file, Plan(prefix="lab/", retain=False)))
    assert [each.topic for each in loaded] == ["lab/plug/LWT", "lab/plug/SENSOR", "lab/meter/raw", "lab/plug/SENSOR"]
    assert not any(each.retain for each in loaded)


@pytest.mark.parametrize("prefix", ["#", "a/+", "$SYS", "a\0"])
def test_a_prefix_that_is_no_topic_is_refused(tmp_path: Path, prefix: str) -> None:
    """Before anything is published."""
    with pytest.raises(RecordingError, match="with the prefix"):
        load(written(tmp_path / "r.jsonl"), Plan(prefix=prefix))


@pytest.mark.broker
async def test_nothing_of_a_broken_recording_is_published(nats_broker: Broker, tmp_path: Path) -> None:
    """The fault is in the last line; the check comes first."""
    file = written(tmp_path / "r.jsonl")
    file.write_text(file.read_text().replace('"messages":4', '"messages":5'))
    wall = Wall()
    with pytest.raises(RecordingError, match="line 6: 5 messages are promised"):
        await replay(
            file, Address("127.0.0.1", nats_broker.port), plan=Plan(), monotonic=wall.monotonic, sleep=wall.sleep
        )


@pytest.mark.broker
async def test_what_was_recorded_comes_back_the_same(broker: Broker, tmp_path: Path) -> None:
    """Record, replay under a prefix, record again: the same topics, payloads and QoS; what was retained is so again."""
    first, second, wall = written(tmp_path / "first"), tmp_path / "second", Wall()
    address, ready = Address("127.0.0.1", broker.port), asyncio.Event()
    limits = Limits(messages_max=len(ENTRIES), bytes_max=100_000, for_s=60.0)
    with Recorder(second, HEADER, limits=limits, redactor=None) as recorder:
        task = asyncio.create_task(
            record(address, ["again/#"], recorder, limits=limits, monotonic=wall.monotonic, on_ready=ready.set)
        )
        await ready.wait()
        entries = [each for each in ENTRIES if each.qos]  # a broker may let QoS 0 overtake
        played = await replay(
            written(first, ENTRIES), address, plan=Plan(prefix="again"), monotonic=wall.monotonic, sleep=wall.sleep
        )
        await task
    assert played.messages == len(ENTRIES)
    got = [(each.topic.removeprefix("again/"), each.payload, each.qos) for each in entries_of(second)]
    assert sorted(got) == sorted((each.topic, each.payload, each.qos) for each in ENTRIES)
    assert [each for each in got if each[2]] == [(each.topic, each.payload, each.qos) for each in entries]
    async with aiomqtt.Client("127.0.0.1", broker.port) as client, asyncio.timeout(60):
        await client.subscribe("again/#", qos=1)
        message = await anext(aiter(client.messages))
    assert (message.topic.value, message.payload, message.retain) == ("again/plug/LWT", b"Online", True)


@pytest.mark.broker
def test_the_command_plays_a_file(nats_broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 and how much was played."""
    file = written(tmp_path / "r.jsonl")
    assert main(["replay", str(file), "--broker", nats_broker.url, "--speed", "max", "--prefix", "lab"]) == 0
    assert "4 messages played" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("speed", "complaint"), [("0", "or max, is wanted"), ("nan", "or max"), ("fast", "or max"), ("-1", "or max")]
)
def test_a_wrong_speed_is_one_line(speed: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    with pytest.raises(SystemExit) as left:
        main(["replay", "f", "--broker", "mqtt://x", f"--speed={speed}"])
    assert left.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_file_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1."""
    assert main(["replay", "nowhere.jsonl", "--broker", "mqtt://127.0.0.1:1"]) == 1
    assert "nowhere.jsonl: cannot be read" in capsys.readouterr().err
