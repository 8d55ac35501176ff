"""The load fleet without a broker: its plan, its books, its logs, its arguments and its page."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from io import FileIO
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from firmware_sim.__main__ import _parser, main
from firmware_sim.appliances import native
from firmware_sim.crowd.chance import Outage
from firmware_sim.crowd.delays import Delays
from firmware_sim.crowd.truth import TruthLog, TruthLogError
from firmware_sim.listening import WrongArgumentsError
from firmware_sim.load import command, page, result
from firmware_sim.load.check import Nobody
from firmware_sim.load.heard import Heard, Told, epoch, told
from firmware_sim.load.link import Hear, Link, Outgoing, Speaker, Subscription
from firmware_sim.load.plan import KINDS, Fault, FaultKind, Herd, Kind, Plan
from firmware_sim.load.run import FleetRun, Options, Outcome
from firmware_sim.load.seqs import Seqs
from firmware_sim.load.stored import HubStore, Lines
from firmware_sim.load.wheel import TICK_S, Wheel
from firmware_sim.load.wire311 import Link311

ROOT = Path(__file__).parents[2]
PLAN = Plan(homes=4, devices=40, rate_per_s=40.0, duration_s=2.0, seed=7)
SETTING = result.Setting(broker="127.0.0.1:1883", mqtt="5", consumer="check", started_at="2026-01-31T12:00:00Z")


class Loopback:
    """A wire to a broker that takes everything in the same moment; `mute` connections are not acknowledged at first."""

    version = "5"

    def __init__(self, *, mute: int = 0, ports: int = 99_999) -> None:
        self.mute = mute
        self.ports = ports
        self.turns: list[int] = []
        self.said: list[tuple[str, bytes]] = []
        self.breaks = self.forgotten = 0

    async def open(self, speaker: Speaker, *, turn: int, source: str | None) -> Link:
        """See link.Wire."""
        if not self.ports:
            raise OSError(errno.EADDRNOTAVAIL, "none left")
        self.ports -= 1
        self.turns.append(turn)
        link = _Link(self, speaker, is_mute=self.mute > 0)
        self.mute -= 1
        speaker.came_up(link)
        return link

    async def listen(self, filters: Sequence[str], hear: Hear, *, client_id: str) -> Subscription:
        """See link.Wire."""
        return self

    async def close(self) -> None:
        """See link.Subscription."""


class _Link:
    keepalive_s = 60.0
    is_idle = True

    def __init__(self, wire: Loopback, speaker: Speaker, *, is_mute: bool) -> None:
        self._wire, self._speaker, self._is_mute = wire, speaker, is_mute
        self._unacked: list[Outgoing] = []

    def room(self) -> int:
        return 4 - len(self._unacked)

    def send(self, message: Outgoing) -> None:
        self._wire.said.append((message.topic, message.payload))
        if self._is_mute:
            self._unacked.append(message)
        else:
            asyncio.get_running_loop().call_soon(self._speaker.acked, message)

    def leave(self, *, will: bool) -> None:
        self._speaker.went_down((), "gone", for_good=False)

    def cut(self) -> None:
        self._speaker.went_down(self._unacked, "cut", for_good=False)

    def look(self) -> None:
        pass


async def played(
    plan: Plan, *, truth: FileIO | None = None, options: Options | None = None, wire: Loopback | None = None
) -> tuple[Outcome, Loopback]:
    """A run on a clock that goes ten times as fast."""
    wire = wire or Loopback()
    run = _run(plan, wire, truth=truth, options=options)
    return await run.play(Nobody()), wire


def _run(plan: Plan, wire: Loopback, *, truth: FileIO | None = None, options: Options | None = None) -> FleetRun:
    began = time.perf_counter()
    return FleetRun(
        plan,
        run="0a1b2c3d",
        wire=wire,
        truth=TruthLog(truth),
        options=options or Options(settle_s=1.0),
        monotonic=lambda: 10 * (time.perf_counter() - began),
        epoch_s=1_769_860_800.0,
        say=lambda _: None,
    )


# --- books ---


@given(st.lists(st.integers(1, 40)), st.lists(st.integers(1, 40)))
def test_runs_of_numbers_are_a_set(ours: list[int], theirs: list[int]) -> None:
    """Whatever comes in whatever order: size, membership, news and difference are those of a set."""
    mine, other, seen = Seqs(), Seqs(), set[int]()
    for seq in ours:
        assert mine.add(seq) is (seq not in seen)
        seen.add(seq)
    for seq in theirs:
        other.add(seq)
    assert len(mine) == len(seen)
    assert all((seq in mine) is (seq in seen) for seq in range(42))
    assert mine.beyond(other) == len(seen - set(theirs))
    assert mine.beyond(None) == len(seen)
    edges = [edge for run in mine.runs() for edge in run]
    assert all(later - last > 1 for last, later in zip(edges[1::2], edges[2::2], strict=False))


@given(st.lists(st.floats(1e-5, 1e4), min_size=1))
def test_percentiles_are_within_five_percent(took_s: list[float]) -> None:
    """Half of them took at most what is told, and that is no more than a bucket too much."""
    delays = Delays()
    for each in took_s:
        delays.add(each)
    true = sorted(took_s)[(len(took_s) - 1) // 2]
    median = delays.at_most_s(0.5)
    assert median is not None
    assert true * 0.999 <= median <= true * 1.051
    assert delays.at_most_s(1.0) == pytest.approx(max(took_s), rel=0.051)
    assert len(delays) == len(took_s)


def test_a_wheel_calls_in_order_of_ticks_and_nothing_twice() -> None:
    """Also what a call puts into a tick that is due already, and what was due before now."""
    wheel, called = Wheel(), list[str]()
    wheel.at(5 * TICK_S, lambda: called.append("late"))
    wheel.at(2 * TICK_S, lambda: (called.append("early"), wheel.at(0.0, lambda: called.append("at once"))))  # type: ignore[arg-type]
    wheel.turn(TICK_S)
    assert called == []
    for _ in range(2):
        wheel.turn(9 * TICK_S)
    assert called == ["early", "at once", "late"]


def test_what_was_heard_is_told_apart() -> None:
    """A reading, the same again, half of one, one of another run, one of no device of ours, one in another's name."""
    heard = Heard(PLAN, run="0a1b2c3d")
    base = "restock/v1/home-0001/washer-00001"
    sound = b'{"device":"washer-00001","boot":"0a1b2c3d-1","seq":3,"at":"1970-01-01T00:00:01.250000Z","values":{}}'
    for topic, payload in (
        (base, sound),
        (base, sound),
        (base, sound[:-25]),
        (base, sound.replace(b"0a1b", b"ffff")),
        (base, sound.replace(b'"seq":3', b'"seq":0')),
        (base, sound.replace(b"01.250000Z", b"never")),
        (base, b"[]"),
        ("restock/v1/home/fridge-00001", sound),
        ("restock/v1/home/toaster", sound),
        ("restock/v1/home/fridge-00003", sound),
    ):
        heard.hear(f"{topic}/reading", payload, now_s=1.5, epoch_s=0.0)
    assert (heard.times, heard.distinct, heard.foreign) == (2, 1, 3)
    assert (heard.repeats, heard.unreadable) == ({1: 1}, {1: 4, 3: 1})
    delays = heard.delays(1)
    assert delays is not None
    assert delays.worst_s == 0.25


def test_a_reading_that_waited_for_its_connection_is_counted_apart() -> None:
    """Its delay says how long the connection was away, and nothing of the broker."""
    heard = Heard(PLAN, run="a")
    heard.up_since_s[0] = 10.0
    heard.take(0, Told("fridge-00000", "a-1", 1, 4.0), heard_s=11.0, epoch_s=0.0)
    heard.take(0, Told("fridge-00000", "a-1", 2, 10.5), heard_s=11.0, epoch_s=0.0)
    assert (len(heard.held), heard.held.worst_s, len(heard.all_delays())) == (1, 7.0, 1)


# --- the plan ---


def test_one_seed_gives_one_plan_and_another_seed_another() -> None:
    """Phases, outages, herds and faults are drawn from the seed alone."""
    plan = replace(PLAN, outages=(Outage(1, 1, 0.5),), herds=(Herd(1, 0.5),))

    def drawn(plan: Plan) -> list[object]:
        return [plan.first_at_s(3), list(plan.off(0)), list(plan.stampeding(0))]

    assert drawn(plan) == drawn(replace(plan))
    assert all(one != other for one, other in zip(drawn(plan), drawn(replace(plan, seed=8)), strict=True))


def test_devices_spread_evenly_over_a_period() -> None:
    """Of a thousand devices no hundredth of the period has more than twice its share, wherever it is cut."""
    plan = replace(PLAN, devices=1_000, rate_per_s=1_000.0)
    slots = [int(plan.first_at_s(index) * 100) for index in range(1_000)]
    assert max(slots.count(slot) for slot in range(100)) <= 20


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_device_says_what_the_protocol_says(kind: Kind) -> None:
    """Birth, state and reading of the cheap device have the very members that the native encoders write."""
    _, wire = await played(replace(PLAN, devices=3, homes=1, rate_per_s=3.0))
    index = KINDS.index(kind)
    said = {topic: json.loads(payload) for topic, payload in wire.said if f"/{kind.name}-0000{index}/" in topic}
    base = f"restock/v1/home/{kind.name}-0000{index}"
    reading = said[f"{base}/reading"]
    values = {name: native.Value(each["value"], each["unit"]) for name, each in reading["values"].items()}
    at = native.datetime.fromisoformat(reading["at"])
    again = native.reading(device=reading["device"], boot=reading["boot"], seq=reading["seq"], at=at, values=values)
    assert json.loads(again) | {"at": ""} == reading | {"at": ""}
    assert said[f"{base}/birth"]["profile"] == kind.profile
    assert said[f"{base}/state"]["state"] == "online"
    assert re.fullmatch(r"[a-z0-9-]{1,32}", reading["boot"])


async def test_readings_are_counted_by_the_plan_and_not_by_the_clock() -> None:
    """40 devices, one reading a second each, two seconds: 80, each taken and acknowledged once."""
    outcome, wire = await played(PLAN)
    tally = outcome.ledger.tally
    assert (tally.taken, tally.sent, tally.acked, tally.words) == (80, 80, 80, 80)
    assert len({payload for topic, payload in wire.said if topic.endswith("/reading")}) == 80
    assert outcome.ended == "done"


async def test_every_fault_of_the_plan_is_in_the_books() -> None:
    """What was doubled, swapped, skipped, cut off and wiped is counted, and what the broker has is what it was sent."""
    faults = tuple(Fault(kind, 0.2, 0.0, 100.0) for kind in FaultKind)
    outcome, wire = await played(replace(PLAN, duration_s=20.0, faults=faults))
    tally = outcome.ledger.tally
    said = [payload for topic, payload in wire.said if topic.endswith("/reading")]
    sound = [words for words in (told(_parsed(payload)) for payload in said) if words is not None]
    assert tally.doubled > 0
    assert tally.skipped > 0
    assert tally.malformed == len(said) - len(sound) > 0
    assert tally.acked == len({(each.device, each.boot, each.seq) for each in sound})
    assert tally.sent == len(sound)
    assert tally.taken == tally.acked + tally.wiped
    assert any(each.boot.endswith("-2") for each in sound)
    assert any(later.seq < one.seq for one, later in pairwise(_of_one(sound)))


def _of_one(sound: list[Told]) -> list[Told]:
    """The longest-lived boot of all."""
    boots = Counter((each.device, each.boot) for each in sound)
    [((device, boot), _)] = boots.most_common(1)
    return [each for each in sound if (each.device, each.boot) == (device, boot)]


async def test_an_outage_holds_readings_back_and_loses_none() -> None:
    """Half of the devices are away for some seconds; what they took meanwhile comes afterwards."""
    outcome, _ = await played(replace(PLAN, duration_s=6.0, outages=(Outage(1.0, 3.0, 0.5),), herds=(Herd(5.0, 1.0),)))
    tally = outcome.ledger.tally
    assert (tally.taken, tally.acked, tally.lost, tally.dropped) == (240, 240, 0, 0)
    assert tally.connects > 40 + 40
    assert outcome.ended == "done"


async def test_what_was_not_acknowledged_is_sent_again_byte_for_byte() -> None:
    """The first connections get no PUBACK; the next ones bring the same readings once more, oldest first."""
    outcome, wire = await played(replace(PLAN, duration_s=4.0, herds=(Herd(2.5, 1.0),)), wire=Loopback(mute=40))
    tally = outcome.ledger.tally
    said = Counter(payload for topic, payload in wire.said if topic.endswith("/reading"))
    assert (tally.taken, tally.acked, len(said)) == (160, 160, 160)
    assert tally.resent == said.total() - 160 > 40
    assert outcome.heard.distinct == 0
    assert outcome.ledger.doubled.total() == tally.resent


async def test_a_device_goes_to_the_next_broker_when_it_loses_one_and_not_when_the_plan_takes_it_away() -> None:
    """By turns from its own number on; what the plan does to it says nothing of the broker."""
    wire = Loopback()
    run = _run(replace(PLAN, devices=1, homes=1, rate_per_s=2.0, duration_s=9.0, herds=(Herd(1.0, 1.0),)), wire)
    run.wheel.at(3.0, lambda: run._devices[0].went_down((), "gone", for_good=False))
    await run.play(Nobody())
    assert wire.turns == [0, 0, 1]


async def test_an_end_of_a_connection_that_paho_tells_twice_is_one() -> None:
    """It does so when a write finds the end before a read does; a device would come back twice."""

    class Told:
        client_id, filters, state_topic, ends = "one", (), "state", 0

        def hear(self, topic: str, payload: bytes) -> None:
            """Nothing comes."""

        def went_down(self, unacked: Sequence[Outgoing], reason: str, *, for_good: bool) -> None:
            self.ends += 1

    told = Told()
    with closing(socket.create_server(("127.0.0.1", 0))) as broker:
        client = Client(CallbackAPIVersion.VERSION2)
        link = Link311(cast("Speaker", told), client, keepalive_s=60, window=1)
        client.connect("127.0.0.1", broker.getsockname()[1])
        link.begin()
        for _ in range(2):
            client._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
    assert told.ends == 1


async def test_a_rebirth_is_answered_by_birth_and_state_and_an_ack_is_counted() -> None:
    """What the device does not know, and what is none of its words, changes nothing."""
    wire = Loopback()
    run = _run(replace(PLAN, devices=1, homes=1, rate_per_s=2.0), wire, options=Options(listens=True, settle_s=1.0))
    base = "restock/v1/home/fridge-00000"

    def say() -> None:
        for word, payload in (
            ("cmd", b'{"cmd":"rebirth"}'),
            ("cmd", b'{"cmd":"dance"}'),
            ("cmd", b"["),
            ("ack", b"{}"),
        ):
            run._devices[0].hear(f"{base}/{word}", payload)

    run.wheel.at(1.0, say)
    outcome = await run.play(Nobody())
    said = Counter(topic.rpartition("/")[2] for topic, _ in wire.said)
    assert run._devices[0].filters == (f"{base}/ack", f"{base}/cmd")
    assert (said["birth"], said["state"], said["reading"]) == (2, 2, 4)
    assert (outcome.ledger.tally.rebirths, outcome.ledger.tally.hub_acks) == (1, 1)


async def test_no_local_port_left_is_said_with_what_is_there_and_what_to_change() -> None:
    """The devices that have a connection go on; the others are given up."""
    outcome, _ = await played(PLAN, wire=Loopback(ports=25))
    tally = outcome.ledger.tally
    [notice] = outcome.notices
    assert (tally.connected_most, outcome.given_up, outcome.ended) == (25, 15, "unsettled")
    assert tally.acked == 50
    assert "no local port left" in notice.what
    assert "ip_local_port_range" in notice.change


async def test_a_device_keeps_so_many_readings_and_says_which_are_gone() -> None:
    """With room for two, the oldest are dropped, and the birth afterwards begins with what is left."""
    plan = replace(PLAN, devices=1, homes=1, rate_per_s=2.0, duration_s=8.0, outages=(Outage(1.0, 5.0, 1.0),))
    outcome, wire = await played(plan, options=Options(hold_max=2, settle_s=1.0))
    tally = outcome.ledger.tally
    last = max(at for at, (topic, _) in enumerate(wire.said) if topic.endswith("/birth"))
    birth, _, oldest = (json.loads(payload) for _, payload in wire.said[last : last + 3])
    assert tally.dropped > 0
    assert tally.taken == tally.acked + tally.dropped
    assert birth["first_seq"] == oldest["seq"] > tally.dropped
    assert any("drop" in notice.what for notice in outcome.notices)


async def test_a_consumer_that_falls_behind_is_named_with_how_far_it_has_come() -> None:
    """Once, with what to change; the run ends when nothing moves any more."""

    class Stuck(Nobody):
        async def look(self) -> int | None:
            return 3

    plan = replace(PLAN, rate_per_s=100.0, duration_s=10.0)
    run = _run(plan, Loopback(), options=Options(settle_s=1.0))
    outcome = await run.play(Stuck())
    [notice] = [each for each in outcome.notices if "consumer" in each.what]
    assert re.match(r"the consumer is \d+ readings behind: it has taken 3 of \d+", notice.what)
    assert "--rate" in notice.change
    assert outcome.ended == "unsettled"


# --- logs ---


async def test_the_truth_log_tells_each_reading_with_its_fate(tmp_path: Path) -> None:
    """Every line is JSON; what was taken was acknowledged, after it."""
    with FileIO(tmp_path / "truth", "x") as file:
        await played(PLAN, truth=file)
    lines = [json.loads(line) for line in (tmp_path / "truth").read_text().splitlines()]
    assert (lines[0]["what"], lines[0]["plan"]["seed"], lines[-1]["what"]) == ("begin", 7, "end")
    taken, acked = (
        {(line["device"], line["boot"], line["seq"]) for line in lines if line["what"] == what}
        for what in ("taken", "acked")
    )
    assert len(taken) == 80
    assert taken == acked


async def test_a_full_disk_ends_the_run_and_keeps_what_was_counted() -> None:
    """The run says so, stops, and its books are whole."""
    with FileIO("/dev/full", "w") as full:
        outcome, _ = await played(replace(PLAN, duration_s=600.0), truth=full)
    assert outcome.ended == "disk_full"
    assert outcome.ledger.tally.acked > 0
    assert any("truth log" in notice.what and "--truth" in notice.change for notice in outcome.notices)
    assert outcome.lasted_s < 600


async def test_a_disk_that_fills_up_in_the_middle_keeps_the_log_so_far(tmp_path: Path) -> None:
    """All lines but the last are whole, and the books say more than they."""

    class Filling(FileIO):
        room = 20_000

        def write(self, words: memoryview, /) -> int:  # type: ignore[override]  # what the log gives it
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = super().write(words[: self.room])
            self.room -= taken
            return taken

    with Filling(tmp_path / "truth", "x") as truth:
        outcome, _ = await played(replace(PLAN, duration_s=600.0), truth=truth)
    whole = (tmp_path / "truth").read_text().splitlines()[:-1]
    assert outcome.ended == "disk_full"
    assert 0 < sum(json.loads(line)["what"] == "taken" for line in whole) < outcome.ledger.tally.taken
    assert any("No space left" in notice.what for notice in outcome.notices)


def test_a_full_log_says_so_once() -> None:
    """After that it takes nothing."""
    with FileIO("/dev/full", "w") as full:
        log = TruthLog(full)
        log.note("{}")
        with pytest.raises(TruthLogError, match="No space left"):
            log.flush()
        log.note("{}")
        log.flush()
        assert not log.is_kept


async def test_a_run_that_is_cancelled_keeps_what_was_counted() -> None:
    """As a signal does it."""
    wire = Loopback()
    task = asyncio.create_task(played(replace(PLAN, duration_s=600.0), wire=wire))
    while not any(topic.endswith("/reading") for topic, _ in wire.said):  # noqa: ASYNC110 - the fake has no event
        await asyncio.sleep(0)
    task.cancel()
    outcome, _ = await task
    assert outcome.ended == "interrupted"
    assert outcome.ledger.tally.taken > 0


# --- consumers that keep what came ---


async def test_lines_of_any_consumer_are_read_back(tmp_path: Path) -> None:
    """Twice is a duplicate, half a line is none, what is not ours is foreign, `received_at` gives the delay."""
    heard = Heard(PLAN, run="ab")
    file = tmp_path / "lines"
    lines = Lines(file, heard=heard, run="ab", epoch_s=epoch("2026-01-31T12:00:00Z"))
    await lines.open()
    assert await lines.look() == 0
    times = '"at":"2026-01-31T12:00:01.5Z","received_at":"2026-01-31T12:00:02Z"'
    one = f'{{"device":"fridge-00000","boot":"ab-1","seq":1,{times}}}\n'
    file.write_text(one + one + "nonsense\n{}\n" + one.replace('"seq":1', '"seq":2')[:-1])
    assert await lines.look() == 2
    await lines.close()
    assert (heard.times, heard.distinct, heard.foreign) == (2, 1, 2)
    assert heard.all_delays().worst_s == 0.5


async def test_what_is_no_store_of_a_hub_is_refused(tmp_path: Path) -> None:
    """Before the first device is switched on."""
    for name in ("missing", "text"):
        (tmp_path / "text").write_text("no database, but long enough to be looked at as one" * 3)
        with pytest.raises(WrongArgumentsError, match="cannot be read as a hub's store"):
            await _hub(tmp_path / name).open()


def _hub(store: Path) -> HubStore:
    return HubStore(store, Loopback(), PLAN, heard=Heard(PLAN, run="ab"), run="ab", epoch_s=0.0, say=lambda _: None)


# --- the result ---


async def test_the_result_finds_what_the_consumer_lacks() -> None:
    """Lost, duplicates and delay by device, worst first."""
    outcome, wire = await played(PLAN)
    kept = [each for each in wire.said if each[0].endswith("/reading")]
    for topic, payload in [*kept[5:], kept[10]]:
        outcome.heard.hear(topic, payload, now_s=3.0, epoch_s=1_769_860_800.0)
    summary = result.summarise(outcome, SETTING)
    assert (summary["consumer"]["lost"], summary["consumer"]["duplicates"], summary["ok"]) == (5, 1, False)
    assert summary["devices"]["with_loss"] == 5
    assert [row["lost"] for row in summary["devices"]["worst"]] == [1] * 5 + [0] * 15
    assert summary["readings"]["unacknowledged"] == 0


async def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    """No script, nothing from elsewhere, both colour schemes, and no word that becomes markup."""
    outcome, _ = await played(replace(PLAN, duration_s=30.0, outages=(Outage(5, 5, 0.5),), herds=(Herd(12, 1.0),)))
    text = page.html(result.summarise(outcome, replace(SETTING, broker="<b>&")))
    assert "&lt;b&gt;&amp;" in text
    assert text.count("<svg") > 3
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"<script|https?://|src=|@import|url\(", text)
    assert "NaN" not in text


async def test_every_field_of_the_result_is_explained() -> None:
    """docs/fleet.md names each one."""
    outcome, wire = await played(replace(PLAN, duration_s=12.0))
    for topic, payload in wire.said:
        outcome.heard.hear(topic, payload, now_s=3.0, epoch_s=1_769_860_800.0)
    guide = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
    summary = result.summarise(outcome, SETTING)
    assert sorted(name for name in set(_names(summary)) if f"`{name}`" not in guide) == []


def _names(words: object) -> list[str]:
    """All keys of a document; those under `reasons` and `kept_apart` are not ours."""
    match words:
        case dict():
            own = [name for name in words if name not in {"reasons", "kept_apart"}]
            return [*words, *(inner for name in own for inner in _names(words[name]))]
        case list() if words:
            return _names(words[0])
        case _:
            return []


def _parsed(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except ValueError:
        return None


# --- arguments ---


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], "--broker"),
        (["--broker", "mqtt://h", "--devices", "0"], "a whole number from 1 to 99999"),
        (["--broker", "mqtt://h", "--rate", "nan"], "a number from 0.001"),
        (["--broker", "mqtt://h", "--outage", "5"], "AT,FOR,SHARE is wanted"),
        (["--broker", "mqtt://h", "--outage", "5,0,0.5"], "a time above 0"),
        (["--broker", "mqtt://h", "--herd", "5,2"], "a share above 0"),
        (["--broker", "mqtt://h", "--fault", "fire,0.5"], "one of duplicate, reorder, gap, malformed, reboot"),
        (["--broker", "mqtt://h", "--fault", "gap,nan"], "is wanted, in seconds and shares"),
    ],
)
def test_wrong_usage_is_one_line(argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what is wanted instead."""
    with pytest.raises(SystemExit) as left:
        main(["fleet", *argv])
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert complaint in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--homes", "200"], "--homes 200: more than there are devices"),
        (["--home", "My Home"], "--home 'My Home'"),
        (["--outage", "70,1,0.5"], "--outage at 70 s: the run is over after 60 s"),
        (["--consumer", "hub", "--homes", "1"], "--store goes with --consumer"),
        (["--consumer", "hub", "--store", "x"], "a hub has one home"),
        (["--store", "x"], "--store goes with --consumer"),
        (["--truth", __file__], "exists already"),
        (["--truth", "/nonexistent/file"], "cannot be written"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 before anything is connected."""
    assert main(["fleet", "--broker", "mqtt://127.0.0.1:1", *argv]) == 2
    assert complaint in capsys.readouterr().err


def test_a_plan_is_what_the_arguments_say() -> None:
    """With what follows from the number of devices."""
    words = "fleet --broker mqtt://h --devices 50 --ramp 5 --outage 3,2,0.25 --herd 7 --fault gap,0.1,2"
    plan = command.plan_of(_parser().parse_args(words.split()))
    assert (plan.homes, plan.rate_per_s, plan.ends_s) == (5, 5.0, 65.0)
    assert (plan.outages, plan.herds) == ((Outage(3, 2, 0.25),), (Herd(7, 1.0),))
    assert plan.faults == (Fault(FaultKind.GAP, 0.1, 2.0, 86_400.0),)


def test_many_devices_on_loopback_share_several_addresses() -> None:
    """Each local address has ports for 28,000; elsewhere the system chooses."""
    assert command._sources(["127.0.0.1"], devices=28_000) == ()
    assert command._sources(["127.0.0.1"] * 2, devices=40_001) == ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    assert command._sources(["127.0.0.1", "192.0.2.1"], devices=50_000) == ()
    assert command._sources(["::1"], devices=50_000) == ()
