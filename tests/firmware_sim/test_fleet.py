"""Fleets: scenario files, seeds, the truth log, and a real broker."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from edge_agent.core.messages import Quarantined, QuarantineReason
from firmware_sim.__main__ import main
from firmware_sim.appliances.catalogue import DIALECTS
from firmware_sim.clock import MappedClock, utc_now
from firmware_sim.dialects import Message
from firmware_sim.faults_settings import FAULTS, Flood, fault_name
from firmware_sim.fleet import Event, play, truth_line
from firmware_sim.fleet_run import run
from firmware_sim.held import Held
from firmware_sim.physics_kinds import KINDS
from firmware_sim.scenario import DEMO, ScenarioError, load_scenario
from firmware_sim.scenario_fleet import ApplianceSection
from firmware_sim.sensing import Note, Observation
from tests.conftest import Broker
from tests.firmware_sim.fake_hub import fake_hub
from tests.firmware_sim.fleet_reader import HOME, Hub, appliance

START = datetime(2025, 3, 1, tzinfo=UTC)
SHIPPED = sorted(path for path in DEMO.parent.glob("*.toml") if path != DEMO)
WITHIN_S = 60.0
ASK_AGAIN_S = 2.0
TANK = '[[appliances]]\nname = "cellar"\nkind = "tank"\n'


def scenario(tmp_path: Path, text: str) -> Path:
    """A scenario file with this text."""
    path = tmp_path / "fleet.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- scenario files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TANK + "colour = 1", "appliances.0.colour = 1: Extra inputs are not permitted"),
        (
            "[[appliances]]\nname = 'x'\nkind = 'toaster'",
            "appliances.0.kind = 'toaster': Value error, must be one of fridge, ",
        ),
        ("[[appliances]]\nname = 'My Fridge'\nkind = 'fridge'", "appliances.0.name = 'My Fridge'"),
        (TANK + "dialect = 'miele'", "dialect = 'miele': must be one of tasmota, esphome, rtl_433, native"),
        (TANK + "address = 'a/+/b'", "appliances.0.address = 'a/+/b'"),
        (TANK + "dialect = 'native'\naddress = 'x'", "address: a native device is named by its name"),
        (TANK + "initial = { milk = 0.5 }", "initial.milk: must be one of liquid"),
        (TANK + "initial = { liquid = 1.5 }", "appliances.0.initial.liquid = 1.5"),
        (TANK + "report_every_min = 0.0", "appliances.0.report_every_min = 0.0"),
        (TANK + "busy = nan", "appliances.0.busy = nan"),
        (TANK + "faults = [{ kind = 'gremlin' }]", "appliances.0.faults.0"),
        (TANK + "faults = [{ kind = 'gap', per_s = 2.0 }]", "appliances.0.faults.0.gap.per_s = 2.0: Extra inputs"),
        (TANK + "faults = [{ kind = 'gap', share = 1.5 }]", "appliances.0.faults.0.gap.share = 1.5"),
        (TANK + "faults = [{ kind = 'gap', share = '1' }]", "appliances.0.faults.0.gap.share = '1'"),
        (TANK + "faults = [{ kind = 'gap', for_h = 0.0 }]", "appliances.0.faults.0.gap.for_h = 0.0"),
        (
            TANK + "faults = [{ kind = 'stuck', channel = 'milk_g' }]",
            "faults.0: stuck: channel = 'milk_g': must be one of amount_l",
        ),
        (
            TANK + "faults = [{ kind = 'contradictory' }]",
            "faults.0: contradictory: a tank in tasmota tells everything once",
        ),
        (
            TANK + "dialect = 'esphome'\nfaults = [{ kind = 'wrong_clock' }]",
            "wrong_clock: a tank in esphome tells no time",
        ),
        (
            "[[appliances]]\nname='x'\nkind='printer'\nfaults = [{ kind = 'unset' }]",
            "for a printer in brother no such state is documented",
        ),
        (TANK + TANK, "appliances: two have the same name, 'cellar'"),
        (
            "[[appliances]]\nname='a'\nkind='vehicle'\n[[appliances]]\nname='b'\nkind='vehicle'",
            "two have the same dialect and address, 'teslamate 1'",
        ),
        ("[run]\ndays = 400.0", "run.days = 400.0"),
        ("[run]\nseed = -1", "run.seed = -1"),
        ("[run]\nstart = 2025-03-01T00:00:00", "run.start"),
        ("[run]\nstart = 1970-01-01T00:00:00Z", "between the years 2000 and 2100"),
        ("[[appliances]\n", "not valid TOML"),
        ("x = 1\n" * 200_000, "more than 1000000 bytes"),
    ],
)
def test_a_wrong_scenario_is_refused_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    """One line that names the file, the key, the value where it is short, and what is allowed."""
    with pytest.raises(ScenarioError, match=r"fleet\.toml") as caught:
        load_scenario(scenario(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_scenario_may_hold_a_home_and_a_fleet(tmp_path: Path) -> None:
    """The form of the demo's file is as it was; a fleet alone needs no items."""
    both = load_scenario(scenario(tmp_path, DEMO.read_text(encoding="utf-8") + TANK))
    assert both.item("milk").capacity == 10_350
    assert both.appliances[0].dialect_class is DIALECTS["tank"]["tasmota"]
    assert load_scenario().appliances == ()
    alone = load_scenario(scenario(tmp_path, TANK))
    assert alone.item("milk") == load_scenario().item("milk")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_play(path: Path) -> None:
    """Each loads, is in order of time, and every appliance in it speaks."""
    loaded = load_scenario(path)
    lasts = min(loaded.run.lasts, timedelta(days=0.5))
    events = list(play(loaded.appliances, start=START, lasts=lasts, seed=loaded.run.seed, home=HOME))
    assert [sent.at for _, sent in events] == sorted(sent.at for _, sent in events)
    assert {name for name, sent in events if isinstance(sent, Message)} == {each.name for each in loaded.appliances}


def test_the_shipped_scenarios_cover_everything() -> None:
    """All kinds and dialects in the healthy one, without a fault; all faults in another; a flood."""
    loaded = {path.stem: load_scenario(path) for path in SHIPPED}
    assert set(loaded) == {"healthy", "faults", "flood", "false_empty"}
    healthy = {(each.kind, each.dialect) for each in loaded["healthy"].appliances}
    assert healthy == {(kind, dialect) for kind in KINDS for dialect in DIALECTS[kind]}
    assert not any(each.faults for each in loaded["healthy"].appliances)
    faults = {fault.kind for each in loaded["faults"].appliances for fault in each.faults}
    assert faults == {fault_name(fault) for fault in FAULTS}
    floods = [fault for each in loaded["flood"].appliances for fault in each.faults]
    assert [fault.count for fault in floods if isinstance(fault, Flood)] == [20_000]


def test_the_guide_is_true(tmp_path: Path) -> None:
    """The example in the guide loads, and every kind, dialect, fault and setting has its place there."""
    guide = (Path(__file__).parents[2] / "docs" / "simulated-appliances.md").read_text(encoding="utf-8")
    example = guide.split("```toml\n")[1].split("```")[0]
    loaded = load_scenario(scenario(tmp_path, example))
    assert [fault.kind for fault in loaded.appliances[0].faults] == ["duplicate", "stuck"]
    rows = {line.split("|")[1].strip(" `"): line for line in guide.splitlines() if line.startswith("| `")}
    for kind, dialects in DIALECTS.items():
        assert all(f"`{dialect}`" in rows[kind] for dialect in dialects)
    for fault in FAULTS:
        settings = set(fault.model_fields) - {"kind", "from_h", "for_h"}
        assert all(f"`{name}`" in rows[fault_name(fault)] for name in settings)


# --- seeds and truth -------------------------------------------------------------------------------------

_DIGEST = """
import hashlib
from datetime import UTC, datetime, timedelta
from firmware_sim.dialects import Message
from firmware_sim.fleet import play, truth_line
from firmware_sim.scenario import DEMO, load_scenario
digest = hashlib.sha256()
fleet = load_scenario(DEMO.with_name("faults.toml"))
for name, sent in play(fleet.appliances, start=datetime(2025, 3, 1, tzinfo=UTC), lasts=timedelta(days=1), seed=7):
    if isinstance(sent, Message):
        digest.update(f"{sent.at.isoformat()} {name} {sent.topic} {sent.qos} {sent.retain} ".encode() + sent.payload)
    else:
        digest.update(truth_line(name, sent).encode())
print(digest.hexdigest())
"""


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    """Messages, times and truth log, whatever order that process keeps its sets in."""
    printed = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        printed.add(done.stdout)
    assert len(printed) == 1
    assert len(printed.pop().strip()) == len(hashlib.sha256().hexdigest())


def test_an_appliance_lives_the_same_life_alone_and_in_company() -> None:
    """What one says depends on its own name and seed, not on who else is there."""
    fleet = load_scenario(DEMO.with_name("healthy.toml")).appliances
    alone = [sent for _, sent in play(fleet[:1], start=START, lasts=timedelta(days=1), seed=7)]
    together = [
        sent for name, sent in play(fleet, start=START, lasts=timedelta(days=1), seed=7) if name == fleet[0].name
    ]
    assert alone == together


def truth(one: ApplianceSection, *, days: float) -> list[dict[str, Any]]:
    """The truth log as a reader of the file gets it."""
    events = play([one], start=START, lasts=timedelta(days=days), seed=7)
    return [json.loads(truth_line(name, sent)) for name, sent in events if isinstance(sent, Note)]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_truth_log_adds_up(kind: str) -> None:
    """From what was there at the beginning, through every act, to what is left: from the log alone."""
    log = truth(appliance(kind, "native", busy=2.0), days=12)
    assert log[0]["what"] == "begin"
    left = {part: told["left"] for part, told in log[0]["stock"].items()}
    evaporates = {part.name for part in KINDS[kind].parts if part.evaporates}
    for line in log:
        assert set(line) >= {"at", "device", "what"}
        assert line["at"].endswith("Z")
        if line["what"] != "act":
            continue
        for part in {*line.get("used", {}), *line.get("filled", {})}:
            left[part] += line.get("filled", {}).get(part, 0) - line.get("used", {}).get(part, 0)
            if part in evaporates:
                assert line["left"][part] <= left[part] + 1e-9
                left[part] = line["left"][part]
            assert line["left"][part] == pytest.approx(left[part])
            assert left[part] >= -1e-9
    said = [line for line in log if line["what"] == "said"]
    assert len(said) > 500
    assert all(line["truth"] for line in said)


def test_the_truth_log_tells_every_fault_with_its_time() -> None:
    """Which, when, and what it did; nothing of it in the messages."""
    log = truth(appliance("tank", "tasmota", faults=[{"kind": "stuck", "from_h": 3.0, "for_h": 2.0}]), days=0.5)
    faults = [line for line in log if line["what"] == "fault"]
    assert faults
    assert {line["fault"] for line in faults} == {"stuck"}
    assert all("2025-03-01T03:00" <= line["at"] < "2025-03-01T05:00" for line in faults)
    assert len({line["says"] for line in faults}) == 1


# --- on a broker -----------------------------------------------------------------------------------------


def client(port: int) -> aiomqtt.Client:
    """A plain connection to the test's broker."""
    return aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V311, timeout=3.0)


@dataclass
class Heard:
    """What a subscriber of everything has got."""

    messages: list[aiomqtt.Message] = field(default_factory=list)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self, listening: aiomqtt.Client) -> None:
        """Take what comes."""
        async for message in listening.messages:
            async with self.more:
                self.messages.append(message)
                self.more.notify_all()

    async def until(self, count: int) -> None:
        """Wait until so many messages have come."""
        async with asyncio.timeout(WITHIN_S), self.more:
            await self.more.wait_for(lambda: len(self.messages) >= count)


@asynccontextmanager
async def listener(port: int) -> AsyncIterator[Heard]:
    """Everything on the broker, for as long as the block lasts."""
    async with client(port) as listening:
        await listening.subscribe("#", qos=1)
        heard = Heard()
        task = asyncio.create_task(heard.listen(listening))
        yield heard
        task.cancel()


async def retained(port: int, topic: str) -> aiomqtt.Message:
    """The retained message of a topic, as a new subscriber gets it; a broker may need a moment to keep it."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            async with client(port) as listening:
                await listening.subscribe(topic, qos=1)
                with suppress(TimeoutError):  # what it keeps now comes at once; what it keeps later, to a later one
                    async with asyncio.timeout(ASK_AGAIN_S):
                        async for message in listening.messages:
                            if message.retain:
                                return message


def fast() -> MappedClock:
    """As fast as it goes: everything is due."""
    return MappedClock(speed=36_000.0, real_epoch=utc_now() - timedelta(days=1), virtual_epoch=START)


class Halting:
    """As fast as it goes, but for what is due from `at` on: that waits for `go_on`."""

    def __init__(self, *, at: datetime, go_on: asyncio.Event) -> None:
        self._at = at - timedelta(microseconds=1)
        self._go_on = go_on

    def now(self) -> datetime:
        """Just before the halt, then after everything."""
        return self._at + timedelta(days=9 if self._go_on.is_set() else 0)

    async def sleep(self, _: float, /) -> None:
        """Until it may go on."""
        await self._go_on.wait()


@pytest.mark.broker
async def test_a_fleet_on_a_real_broker_says_what_was_played(broker: Broker, tmp_path: Path) -> None:
    """Every message arrives with its bytes, in order for each topic, and the truth log is on the disk."""
    fleet = load_scenario(DEMO.with_name("faults.toml")).appliances
    lasts = timedelta(days=0.4)
    played = [sent for _, sent in play(fleet, start=START, lasts=lasts, seed=7) if isinstance(sent, Message)]
    events = play(fleet, start=START, lasts=lasts, seed=7)
    log = tmp_path / "truth.jsonl"
    with log.open("w", encoding="utf-8") as file:
        async with listener(broker.port) as heard:
            names = [each.name for each in fleet]
            sent = await run(events, names, connect=lambda: client(broker.port), clock=fast(), truth=file)
            await heard.until(len(played))
    assert sent.total() == len(played)
    for topic in {each.topic for each in played}:
        assert [each.payload for each in heard.messages if each.topic.value == topic] == [
            each.payload for each in played if each.topic == topic
        ]
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {line["device"] for line in lines} == {each.name for each in fleet}


@pytest.mark.broker
async def test_a_late_subscriber_gets_the_leftover_marked_as_retained(broker: Broker) -> None:
    """And the hub refuses it, whatever it says."""
    one = appliance("tank", "tasmota", faults=[{"kind": "retained_leftover"}])
    events = play([one], start=START, lasts=timedelta(hours=1), seed=7)
    await run(events, [one.name], connect=lambda: client(broker.port), clock=fast())
    old = await retained(broker.port, "tele/tank-tasmota/SENSOR")
    assert isinstance(old.payload, bytes)
    seen = Observation(START, {}, {})
    outcome = Hub().hear(
        Message(START, one.name, old.topic.value, old.payload, 0, retain=True, seen=seen), retained=True
    )
    assert isinstance(outcome, Quarantined)
    assert outcome.reason is QuarantineReason.RETAINED


@pytest.mark.broker
async def test_a_broker_that_goes_away_gets_the_rest_when_it_is_back(broker: Broker) -> None:
    """What it had not taken is sent again, and nothing is skipped."""
    fleet = [appliance(kind, "native", report_every_min=5.0) for kind in ("tank", "washer")]
    events = list(play(fleet, start=START, lasts=timedelta(hours=6), seed=7))
    count = sum(isinstance(sent, Message) for _, sent in events)
    half = len(events) // 2
    reached = asyncio.Event()

    def telling() -> Iterator[Event]:
        for number, event in enumerate(events):
            if number == half:
                broker.kill()
                reached.set()
            yield event

    async def revive() -> None:
        await reached.wait()
        await asyncio.to_thread(broker.start)

    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
        group.create_task(revive())
        names = [each.name for each in fleet]
        sent = await run(telling(), names, connect=lambda: client(broker.port), clock=fast())
    assert sent.total() == count


@pytest.mark.broker
async def test_a_native_appliance_sends_again_what_no_hub_has_acknowledged(broker: Broker) -> None:
    """A deaf hub asks for a birth: it says what is held, and all of it follows; after the ack nothing is held."""
    one = appliance("tank", "native", report_every_min=5.0)
    events = list(play([one], start=START, lasts=timedelta(hours=2), seed=7))
    go_on = asyncio.Event()
    async with fake_hub(broker.port) as hub:
        hub.silent = True
        last = next(event for event in reversed(events) if isinstance(event[1], Message))
        clock = Halting(at=last[1].at, go_on=go_on)
        task = asyncio.create_task(run(events, [one.name], connect=lambda: client(broker.port), clock=clock))
        readings = sum(isinstance(sent, Message) and sent.topic.endswith("/reading") for _, sent in events) - 1
        await hub.until(lambda: [len(each) for each in hub.readings.values()] == [readings])
        [(device, boot)] = hub.readings
        hub.readings.clear()
        hub.others.clear()
        await hub.rebirth(device)
        await hub.until(lambda: [len(each) for each in hub.readings.values()] == [readings])
        [birth] = [json.loads(payload) for topic, payload, _ in hub.others if topic.endswith("/birth")]
        assert (birth["boot"], birth["first_seq"]) == (boot, 1)
        await hub.acknowledge(device, boot, readings)
        await hub.rebirth(device)
        await hub.until(lambda: sum(topic.endswith("/state") for topic, _, _ in hub.others) == 2)
        birth = [json.loads(payload) for topic, payload, _ in hub.others if topic.endswith("/birth")][-1]
        assert birth["first_seq"] == readings + 1
        hub.silent = False
        go_on.set()
        await task
        assert list(hub.readings[device, boot]) == list(range(1, readings + 2))


def test_held_readings_go_with_their_boot_and_their_acks() -> None:
    """Until a hub is heard nothing is changed; an ack takes what it names; a new boot, and being off, hold nothing."""
    one = appliance("tank", "native", report_every_min=5.0)
    played = [sent for _, sent in play([one], start=START, lasts=timedelta(hours=1), seed=7)]
    messages = [sent for sent in played if isinstance(sent, Message)]
    held = Held(held_max=4)
    *said, off = messages
    assert [held.note(each) for each in said] == said
    assert (held.count, list(held.again())) == (4, [])
    boot = json.loads(said[0].payload)["boot"]
    seqs = [json.loads(each.payload)["seq"] for each in held.readings()]
    assert not held.hear("x/ack", json.dumps({"boot": "another", "seq": 99}).encode())
    assert not held.hear("x/ack", b"no words")
    assert held.hear("x/cmd", b'{"cmd":"rebirth"}')
    held.hear("x/ack", json.dumps({"boot": boot, "seq": seqs[1]}).encode())
    birth, _, *again = held.again()
    assert json.loads(birth.payload)["first_seq"] == seqs[2]
    assert [json.loads(each.payload)["seq"] for each in again] == seqs[2:]
    held.note(off)
    assert list(held.again()) == []
    other = {**json.loads(said[0].payload), "boot": "boot9"}
    held.note(replace(said[0], payload=json.dumps(other).encode()))
    assert held.count == 0


# --- the commands ----------------------------------------------------------------------------------------


def test_the_list_names_every_kind_dialect_and_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """For people, and as JSON."""
    assert main(["appliances"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in [*KINDS, *(fault_name(fault) for fault in FAULTS)])
    assert all(name in printed for dialects in DIALECTS.values() for name in dialects)
    assert main(["appliances", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed["kinds"]) == set(KINDS)
    assert {kind: set(told["dialects"]) for kind, told in listed["kinds"].items()} == {
        kind: set(dialects) for kind, dialects in DIALECTS.items()
    }
    assert listed["faults"]["delay"]["settings"] == {"from_h": 0.0, "share": 0.2, "by_min": 90.0}


@pytest.mark.broker
def test_the_run_command(broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It plays a file to the end, counts, and leaves the truth log."""
    path = scenario(tmp_path, "[run]\ndays = 0.2\nstart = 2025-03-01T00:00:00Z\n" + TANK)
    log = tmp_path / "truth.jsonl"
    argv = ["run", "--scenario", str(path), "--broker", broker.url, "--speed", "36000", "--truth", str(log)]
    assert main(argv) == 0
    assert capsys.readouterr().out.splitlines() == [
        "seed 7, from 2025-03-01T00:00:00Z, 0.2 days, 1 appliances",
        "cellar: 12 messages",
    ]
    told = Counter(json.loads(line)["what"] for line in log.read_text(encoding="utf-8").splitlines())
    assert told["begin"] == 1
    assert told["said"] == 10
    assert main(argv) == 2
    assert "truth.jsonl: exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--scenario", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["--scenario", "demo"], "appliances: none"),
        (["--scenario", "healthy", "--seed", "-4"], "--seed -4"),
    ],
)
def test_wrong_use_of_run_is_one_line(more: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what is wrong, before any broker is asked."""
    assert main(["run", "--broker", "mqtt://127.0.0.1:1", *more]) == 2
    printed = capsys.readouterr().err
    assert complaint in printed
    assert printed.count("\n") == 1


def test_a_broker_that_is_not_there_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and the address."""
    assert main(["run", "--broker", "mqtt://127.0.0.1:1", "--scenario", "flood"]) == 1
    assert "127.0.0.1:1: cannot connect" in capsys.readouterr().err
