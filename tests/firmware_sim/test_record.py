"""Recording a real broker, and taking out what is private."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.__main__ import main
from firmware_sim.listening import Broker as Address
from firmware_sim.record import Limits, Recorder, record
from firmware_sim.record_format import (
    Entry,
    Header,
    RecordingError,
    end_line,
    entry_line,
    header_line,
    read,
    topic_problem,
)
from firmware_sim.record_redaction import Redactor, Rules, UnreadableError, load_rules
from tests.conftest import Broker

HEADER = Header("2026-01-31T12:00:00Z", ("#",), redacted=True)
LIMITS = Limits(messages_max=1_000, bytes_max=1_000_000, for_s=60.0)


def entries_of(path: Path) -> list[Entry]:
    """What a recording holds."""
    with path.open("rb") as lines:
        return list(read(lines, name=str(path))[1])


def last_line(path: Path) -> dict[str, Any]:
    """Its end."""
    words: dict[str, Any] = json.loads(path.read_text().splitlines()[-1])
    return words


def redacted(payload: object, rules: Rules | None = None, topic: str = "a/b") -> object:
    """A JSON payload without what is private."""
    _, said = Redactor(rules or Rules()).message(topic, json.dumps(payload).encode())
    return json.loads(said)


# --- the file ---


@settings(max_examples=150, deadline=None)
@given(
    payload=st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)),
    topic=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
        lambda topic: topic_problem(topic) is None
    ),
    qos=st.integers(0, 2),
    retain=st.booleans(),
)
def test_every_message_comes_back_from_its_line(payload: bytes, topic: str, qos: int, retain: bool) -> None:
    """Any bytes, any topic that can be published."""
    entry = Entry(1.25, topic, payload, qos, retain)
    lines = [header_line(HEADER), entry_line(entry), end_line(messages=1, left_out=0, why="time")]
    header, entries = read([line.encode() for line in lines], name="f")
    assert (header, list(entries)) == (HEADER, [entry])


_ENTRY = '{"at_s":1.0,"topic":"a","qos":1,"retain":false,"text":"x"}\n'
_END = '{"end":{"messages":1,"left_out":0,"why":"time"}}\n'


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "f: line 1: not JSON"),
        (["{}\n"], "f: line 1: format: Field required"),
        ([header_line(HEADER).replace('"version":1', '"version":2')], "f: line 1: version"),
        ([header_line(HEADER), "nonsense\n"], "f: line 2: not JSON"),
        ([header_line(HEADER), "[]\n"], "f: line 2: an object is needed"),
        ([header_line(HEADER), _ENTRY], "f: line 3: the end line is missing"),
        ([header_line(HEADER), _END], "f: line 2: 1 messages are promised, 0 are there"),
        ([header_line(HEADER), _ENTRY, _END, _ENTRY], "f: line 4: nothing may come after"),
        ([header_line(HEADER), _ENTRY, _ENTRY.replace("1.0", "0.5")], "f: line 3: at_s = 0.5 is before"),
        ([header_line(HEADER), _ENTRY.replace("1.0", "-1.0")], "f: line 2: at_s"),
        ([header_line(HEADER), _ENTRY.replace("1.0", "NaN")], "f: line 2: at_s"),
        ([header_line(HEADER), _ENTRY.replace('"qos":1', '"qos":3')], "f: line 2: qos"),
        (
            [header_line(HEADER), _ENTRY.replace('"qos":1', '"qos":1,"qos":0')],
            "f: line 2: not JSON: a key stands twice",
        ),
        ([header_line(HEADER), _ENTRY.replace('"a"', '"a/+"')], "f: line 2: topic 'a/+': no wildcards"),
        ([header_line(HEADER), _ENTRY.replace('"a"', '"$SYS/x"')], "f: line 2: topic '$SYS/x': topics with $"),
        ([header_line(HEADER), _ENTRY.replace(',"text":"x"', "")], "f: line 2: either text or base64"),
        ([header_line(HEADER), _ENTRY.replace('"text":"x"', '"base64":"!"')], "f: line 2: the payload cannot be read"),
        ([header_line(HEADER), _ENTRY.replace('"x"', '"x","more":1')], "f: line 2: more: Extra inputs"),
        ([header_line(HEADER), "[" * 100_000 + "\n"], "f: line 2: not JSON"),
    ],
)
def test_a_broken_recording_is_refused_with_its_line(lines: list[str], complaint: str) -> None:
    """Strict, and never a guess at what was meant."""
    with pytest.raises(RecordingError) as caught:
        list(read([line.encode() for line in lines], name="f")[1])
    assert str(caught.value).startswith(complaint)


def test_a_recording_that_was_cut_off_can_be_read_up_to_there() -> None:
    """On request: whole lines count, half a line does not."""
    lines = [each.encode() for each in (header_line(HEADER), _ENTRY, _ENTRY[:20])]
    assert [each.at_s for each in read(lines, name="f", cut_off=True)[1]] == [1.0]


def test_the_page_shows_a_file_and_a_list_that_can_be_read(tmp_path: Path) -> None:
    """Every example of docs/recording.md."""
    page = (Path(__file__).parents[2] / "docs/recording.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^```\n(\{.*?)```$", page, re.MULTILINE | re.DOTALL)
    [rules] = re.findall(r"^```toml\n(.*?)```$", page, re.MULTILINE | re.DOTALL)
    file = tmp_path / "redact.toml"
    file.write_text(rules)
    assert [each.payload for each in read(shown.encode().splitlines(keepends=True), name="f")[1]] == [
        b'{"kg":1.5}',
        b"\x00\x01\x02",
    ]
    assert load_rules(file).defaults


# --- redaction ---

_SERIAL = "redacted-serial-1"
PAYLOADS = Path(__file__).parents[3] / "shared/payloads"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"level": 62, "unit": "%"}, {"level": 62, "unit": "%"}),
        ({"access_token": "s3cr3t"}, {"access_token": "redacted-token-1"}),
        ({"apiKey": "s3cr3t", "key": "filter"}, {"apiKey": "redacted-token-1", "key": "filter"}),
        ({"deviceSerialNumber": 12345678}, {"deviceSerialNumber": None}),
        ({"a": {"VIN": "WVWZZZ1JZXW000001"}}, {"a": {"VIN": "redacted-vin-1"}}),
        ({"vehicle": "WVWZZZ1JZXW000001"}, {"vehicle": "redacted-vin-1"}),
        ({"note": "mail anna@example.com now"}, {"note": "mail redacted-mail-1 now"}),
        ({"location": {"lat": 52.52, "up": True}}, {"location": {"lat": None, "up": True}}),
        ({"text": "52.520008, 13.404954"}, {"text": "redacted-place-1"}),
        ({"where": ["10.0.0.7", "aa:bb:cc:dd:ee:ff"]}, {"where": ["redacted-network-1", "redacted-network-2"]}),
        ({"info": '{"password":"x1"}'}, {"info": '{"password":"redacted-token-1"}'}),
        ({"anna@example.com": 1}, {"redacted-mail-1": 1}),
        (
            {"serial": {"value": "S1", "timestamp": "2026-01-01"}},
            {"serial": {"value": _SERIAL, "timestamp": "2026-01-01"}},
        ),
        ({"margin": 4, "position": 70, "printer": "ok"}, {"margin": 4, "position": 70, "printer": "ok"}),
        ({"users": [{"user_name": "anna"}]}, {"users": [{"user_name": "redacted-person-1"}]}),
        ({"auth": "Bearer abcdefgh1234"}, {"auth": "redacted-token-1"}),
    ],
)
def test_the_list_that_ships_takes_out_what_is_private(payload: object, expected: object) -> None:
    """Tokens, mails, vehicles, places, serials, addresses; and leaves readings alone."""
    assert redacted(payload) == expected


def test_a_value_keeps_its_placeholder_wherever_it_stands() -> None:
    """In another message, another place, and in a topic."""
    redactor = Redactor(Rules())
    first = redactor.message("printers/X1C00ABC/info", b'{"sn":"X1C00ABC"}')
    second = redactor.message("printers/X1C00ABC/report", b'{"of":"printer X1C00ABC","print":{"sn":"X1C00ABC"}}')
    assert first == ("printers/redacted-serial-1/info", b'{"sn":"redacted-serial-1"}')
    assert second[0] == "printers/redacted-serial-1/report"
    assert json.loads(second[1]) == {"of": "printer redacted-serial-1", "print": {"sn": "redacted-serial-1"}}


def test_what_needs_no_redaction_stays_byte_for_byte() -> None:
    """Blanks and the digits of a number too."""
    payload = b'{ "level" : 1.10, "big": 12345678901234567890 }'
    assert Redactor(Rules()).message("a/b", payload) == ("a/b", payload)


def test_a_bare_text_goes_by_the_name_of_its_topic() -> None:
    """As bridges publish that give each value a topic."""
    redactor = Redactor(Rules())
    assert redactor.message("teslamate/cars/1/latitude", b"52.520008") == (
        "teslamate/cars/1/latitude",
        b"redacted-place-1",
    )
    assert redactor.message("teslamate/cars/1/battery_level", b"71")[1] == b"71"


@pytest.mark.parametrize(
    "payload", [b"\x00\x01", b"\xff\xfe", b'{"a":', b'{"password":"x","password":"y"}', b"[" * 90_000]
)
def test_what_cannot_be_searched_is_not_let_through(payload: bytes) -> None:
    """Binary, broken JSON, and a key that stands twice."""
    with pytest.raises(UnreadableError):
        Redactor(Rules()).message("a/b", payload)


def test_a_person_adds_keys_places_levels_and_patterns(tmp_path: Path) -> None:
    """And keeps what the list that ships would take."""
    file = tmp_path / "redact.toml"
    file.write_text(
        'keys = ["Nick Name"]\npointers = ["/a/0/b~1c"]\ntopics = ["home/{redact}/#"]\n'
        'patterns = ["room [0-9]+"]\nkeep = ["serial"]\n'
    )
    rules = load_rules(file)
    payload = {"nickName": "Bo", "a": [{"b/c": "x", "d": "y"}], "say": "in room 12", "serial": "S"}
    topic, said = Redactor(rules).message("home/annas-flat/fridge", json.dumps(payload).encode())
    assert topic == "home/redacted-level-1/fridge"
    assert json.loads(said) == {
        "nickName": "redacted-key-1",
        "a": [{"b/c": "redacted-pointer-1", "d": "y"}],
        "say": "in redacted-pattern-1",
        "serial": "S",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('patterns = ["["]', "patterns.0: Value error, not a regular expression"),
        ('pointers = ["a"]', "pointers.0"),
        ('topics = ["a/b"]', "topics.0"),
        ("colour = 1", "colour: Extra inputs"),
        ("=", "not valid TOML"),
    ],
)
def test_a_wrong_list_is_refused_with_its_field(tmp_path: Path, text: str, complaint: str) -> None:
    """Nothing is recorded with a list that nobody understood."""
    file = tmp_path / "redact.toml"
    file.write_text(text)
    with pytest.raises(RecordingError, match=complaint.split(":", maxsplit=1)[0]) as caught:
        load_rules(file)
    assert complaint in str(caught.value)


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the recorded payloads beside the repository are missing")
def test_no_reading_of_a_real_device_is_taken_out() -> None:
    """Over the recorded payloads of many vendors: every value that tells of stock is still there, and is the same."""
    checked = 0
    for item in json.loads((PAYLOADS / "expected.json").read_text()):
        payload = (PAYLOADS / item["file"]).read_bytes()
        _, said = Redactor(Rules()).message(item["topic"], payload)
        for place in (each.get("pointer") or "" for each in item["expect"]):
            before, after = at(payload, place), at(said, place)
            checked += before is not None
            assert before == after, (item["file"], place)
    assert checked > 80


def at(payload: bytes, pointer: str) -> object:
    """What stands at a place of a JSON payload; None where it is no JSON, or has no such place."""
    try:
        node: Any = json.loads(payload)
        for step in pointer.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            node = node[int(key)] if isinstance(node, list) else node[key]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return node


# --- the recorder ---


def test_what_is_known_only_later_is_taken_out_of_what_came_before(tmp_path: Path) -> None:
    """The file is gone through once more when it ends; other users cannot read it."""
    file = tmp_path / "r.jsonl"
    with Recorder(file, HEADER, limits=LIMITS, redactor=Redactor(Rules())) as recorder:
        recorder.take(Entry(0.0, "printers/X1C00ABC/report", b'{"of":"X1C00ABC","n":2}', 1, retain=False))
        recorder.take(Entry(1.0, "printers/info", b'{"sn":"X1C00ABC"}', 1, retain=False))
    assert "X1C00ABC" not in file.read_text()
    assert [each.topic for each in entries_of(file)] == ["printers/redacted-serial-1/report", "printers/info"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("allowed", "kept"), [(False, 0), (True, 1)])
def test_binary_is_refused_unless_it_is_allowed(tmp_path: Path, allowed: bool, kept: int) -> None:
    """It is counted, and the end line says so."""
    file = tmp_path / "r.jsonl"
    with Recorder(file, HEADER, limits=LIMITS, redactor=Redactor(Rules()), unreadable=allowed) as recorder:
        assert recorder.take(Entry(0.0, "meter/raw", b"\x00\x01", 0, retain=False))
    assert len(entries_of(file)) == kept
    assert last_line(file)["end"] == {"messages": kept, "left_out": 1 - kept, "why": "stopped"}


def test_the_limits_end_it_and_the_file_is_whole(tmp_path: Path) -> None:
    """By messages, by bytes; a message that is far too large is left out."""
    few, small = tmp_path / "few", tmp_path / "small"
    entry = Entry(0.0, "a", b"x" * 100, 1, retain=False)
    with Recorder(few, HEADER, limits=Limits(2, 10_000), redactor=None) as recorder:
        assert [recorder.take(entry), recorder.take(entry)] == [True, False]
    with Recorder(small, HEADER, limits=Limits(9, 500), redactor=None) as recorder:
        assert recorder.take(Entry(0.0, "a", b"x" * 1_000_000, 1, retain=False))
        assert [recorder.take(entry), recorder.take(entry), recorder.take(entry)] == [True, True, False]
    assert (last_line(few)["end"]["why"], len(entries_of(few))) == ("messages", 2)
    assert last_line(small)["end"] == {"messages": 2, "left_out": 1, "why": "bytes"}
    assert len(entries_of(small)) == 2


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """A recording cannot be made twice."""
    file = tmp_path / "r.jsonl"
    file.write_text("mine")
    with pytest.raises(RecordingError, match="is there already"), Recorder(file, HEADER, limits=LIMITS, redactor=None):
        pass
    assert file.read_text() == "mine"


def test_an_error_leaves_a_whole_file(tmp_path: Path) -> None:
    """Whatever ends the block."""
    file = tmp_path / "r.jsonl"
    recorder = Recorder(file, HEADER, limits=LIMITS, redactor=Redactor(Rules()))
    with suppress(LookupError), recorder:
        recorder.take(Entry(0.0, "a", b"1", 1, retain=False))
        raise LookupError
    assert len(entries_of(file)) == 1


# --- on brokers ---


class Clock:
    """A clock that shows these times one after the other, and tells who waits for that."""

    def __init__(self, *times_s: float) -> None:
        self._times_s = times_s
        self._looks = 0
        self._changed = asyncio.Event()

    def monotonic(self) -> float:
        """The next time."""
        self._looks += 1
        self._changed.set()
        return self._times_s[self._looks - 1]

    async def until(self, looks: int) -> None:
        """Wait until it was read so often."""
        while self._looks < looks:
            self._changed.clear()
            await self._changed.wait()


@pytest.mark.broker
async def test_a_real_broker_is_recorded_with_its_flags(broker: Broker, tmp_path: Path) -> None:
    """Topic, payload, QoS, the retained mark of what was there before, and the time of each."""
    file, clock, ready = tmp_path / "r.jsonl", Clock(100.0, 100.0, 101.5, 103.25), asyncio.Event()
    limits = Limits(messages_max=3, bytes_max=100_000, for_s=60.0)
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish("plug/LWT", b"Online", qos=1, retain=True)
        with Recorder(file, HEADER, limits=limits, redactor=Redactor(Rules())) as recorder:
            task = asyncio.create_task(
                record(
                    Address("127.0.0.1", broker.port),
                    ["plug/#"],
                    recorder,
                    limits=limits,
                    monotonic=clock.monotonic,
                    on_ready=ready.set,
                )
            )
            await ready.wait()
            async with asyncio.timeout(60):
                await clock.until(2)  # it is read at the start, and for each message
                await client.publish("plug/SENSOR", b'{"kg":1.5}', qos=1)
                await clock.until(3)
                await client.publish("plug/log", b"hello", qos=0)
                await task
    assert entries_of(file) == [
        Entry(0.0, "plug/LWT", b"Online", 1, retain=True),
        Entry(1.5, "plug/SENSOR", b'{"kg":1.5}', 1, retain=False),
        Entry(3.25, "plug/log", b"hello", 0, retain=False),
    ]
    assert last_line(file)["end"]["why"] == "messages"


@pytest.mark.broker
async def test_a_lost_broker_leaves_a_whole_file(nats_broker: Broker, tmp_path: Path) -> None:
    """The command says so, and fails."""
    file = tmp_path / "r.jsonl"
    process = await started(nats_broker, file)
    await asyncio.to_thread(nats_broker.kill)
    said = await ended(process)
    assert process.returncode == 1
    assert "the connection to the broker is lost" in said
    assert last_line(file)["end"]["why"] == "lost"


@pytest.mark.broker
async def test_ctrl_c_leaves_a_whole_file(nats_broker: Broker, tmp_path: Path) -> None:
    """It is how a recording usually ends: exit code 0, a summary, and nothing private in the file."""
    file = tmp_path / "r.jsonl"
    process = await started(nats_broker, file)
    async with aiomqtt.Client("127.0.0.1", nats_broker.port) as client:
        await client.publish("a/b", b'{"token":"s3cr3t","level":4}', qos=1)
    async with asyncio.timeout(60):
        while "level" not in file.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = await ended(process)
    assert process.returncode == 0
    assert "1 messages" in said
    assert [each.payload for each in entries_of(file)] == [b'{"token":"redacted-token-1","level":4}']


async def started(broker: Broker, file: Path) -> asyncio.subprocess.Process:
    """The command, once it listens."""
    argv = ["-m", "firmware_sim", "record", "--broker", broker.url, "--topic", "#", "--out", str(file)]
    process = await asyncio.create_subprocess_exec(sys.executable, *argv, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    assert await process.stderr.readline() == b"recording; Ctrl-C ends it\n"
    return process


async def ended(process: asyncio.subprocess.Process) -> str:
    """What it said until it ended."""
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    return said.decode()


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--topic", "a/#/b"], "'a/#/b': not a topic filter"),
        (["--topic", ""], "not a topic filter"),
        (["--topic", "a", "--redact", "nowhere.toml"], "nowhere.toml: cannot be read"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(
    more: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is connected or written."""
    file = tmp_path / "r.jsonl"
    assert main(["record", "--broker", "mqtt://127.0.0.1:1", "--out", str(file), *more]) != 0
    assert complaint in capsys.readouterr().err
    assert not file.exists()


def test_a_route_is_written_down_without_its_place() -> None:
    """Destination by name and by coordinate, of an object and of topics of their own; how long it takes stays."""
    redactor = Redactor(Rules())
    route = (
        b'{"destination":"Elm Street 5","minutes_to_arrival":20.0,"location":{"latitude":47.1937,"longitude":8.8361}}'
    )
    said = redactor.message("teslamate/cars/1/active_route", route)[1]
    assert b'"minutes_to_arrival":20.0' in said
    assert not any(mark in said for mark in (b"Elm", b"47.1", b"8.83"))
    for topic in ("active_route_latitude", "active_route_destination"):
        assert b"47.1937" not in redactor.message(f"teslamate/cars/1/{topic}", b"47.1937")[1]
    path = "Vehicle.Cabin.Infotainment.Navigation.DestinationSet.Latitude"
    assert b"47.1937" not in redactor.message("vss/car", json.dumps({path: {"value": 47.1937}}).encode())[1]
