"""`restock-sim conform` on real brokers: good devices pass, and for each rule a device that breaks it is caught."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt import publish

from firmware_sim.__main__ import main
from firmware_sim.appliances import native
from firmware_sim.appliances.native import Value
from firmware_sim.conform import words
from firmware_sim.conform.book import Heard, Status
from firmware_sim.conform.declared import ProfileFileError, load_profile, shipped_profile
from firmware_sim.conform.live import Outcome, Span, Subject, observe
from firmware_sim.conform.rules import RULES
from firmware_sim.conform.watch import Watch
from firmware_sim.link import BrokerAddress
from firmware_sim.listening import Broker as Address
from firmware_sim.publish import Device, Identity
from tests.conftest import Broker, nats
from tests.firmware_sim.fake_hub import fake_hub

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITHIN_S = 60.0
SETTLE_S, AGREE_S = 0.25, 20.0


@pytest.fixture(scope="module")
def one_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One nats-server for all scripted devices; each has an id of its own."""
    with nats(tmp_path_factory.mktemp("nats")) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a script: `after_s` by the observer's clock since the one before it."""

    leaf: str
    words: dict[str, Any] | bytes
    retain: bool = False
    qos: int = 1
    after_s: float = 0.1


@dataclass
class Story:
    """What is said below one device's topic, and how long it is quiet at the end."""

    device: str
    said: list[Said] = field(default_factory=list)
    quiet_s: float = 0.0

    def birth(self, boot: str = "b1", *, retain: bool = True, **changes: object) -> Story:
        """A birth, right but for the changes; None leaves a field out."""
        words = {"device": self.device, "profile": "restock.fridge", "firmware": "1", "boot": boot}
        return self._say(Said("birth", _changed({**words, "at": _time(0), "first_seq": 1}, changes), retain=retain))

    def state(self, word: str = "online", boot: str = "b1", *, retain: bool = True, qos: int = 1) -> Story:
        """A state."""
        return self._say(Said("state", {"device": self.device, "boot": boot, "state": word}, retain=retain, qos=qos))

    def reading(
        self,
        seq: int,
        boot: str = "b1",
        *,
        at_s: float | None = None,
        after_s: float = 0.1,
        retain: bool = False,
        values: Mapping[str, tuple[object, str]] | None = None,
        **changes: object,
    ) -> Story:
        """A reading of the time `at_s` (default: one second for each seq), right but for the changes."""
        told = {"milk": (900 - seq, "g"), "door": ("closed", "")} if values is None else values
        words = {
            "device": self.device,
            "boot": boot,
            "seq": seq,
            "at": _time(seq if at_s is None else at_s),
            "values": {name: {"value": value, "unit": unit} for name, (value, unit) in told.items()},
        }
        return self._say(Said("reading", _changed(words, changes), retain=retain, after_s=after_s))

    def raw(self, leaf: str, words: dict[str, Any] | bytes, *, after_s: float = 0.1) -> Story:
        """Anything."""
        return self._say(Said(leaf, words, after_s=after_s))

    def ack(self, seq: int) -> Story:
        """The hub acknowledges."""
        return self._say(Said("ack", {"device": self.device, "boot": "b1", "seq": seq}))

    def quiet(self, seconds: float) -> Story:
        """Nothing more is said for so long."""
        self.quiet_s = seconds
        return self

    def hello(self) -> Story:
        """Birth and state, as every device begins."""
        return self.birth().state()

    def _say(self, said: Said) -> Story:
        self.said.append(said)
        return self


def _time(seconds: float) -> str:
    return native.rfc3339(NOW + timedelta(seconds=seconds))


def _changed(words: dict[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in {**words, **changes}.items() if value is not None}


def as_words(said: Said) -> dict[str, Any]:
    """What is said, where that is an object."""
    assert isinstance(said.words, dict)
    return said.words


class Clock:
    """The observer's clock: it moves when a message is heard, by what the story says, and tells who waits for that."""

    def __init__(self, story: Story) -> None:
        self._steps = [each.after_s for each in story.said]
        self._quiet_s = story.quiet_s
        self._now = NOW
        self.heard = 0
        self.changed = asyncio.Event()

    def now(self) -> datetime:
        """Called once for each message, and then for what the broker keeps and for the end."""
        step_s = self._steps[self.heard] if self.heard < len(self._steps) else 0.0
        if self.heard == len(self._steps):
            step_s = self._quiet_s
        self.heard += 1
        self._now += timedelta(seconds=step_s)
        self.changed.set()
        return self._now

    async def until(self, count: int) -> None:
        """Wait until so many messages were heard."""
        while self.heard < count:
            self.changed.clear()
            await self.changed.wait()


async def checked(story: Story, port: int, *, kept: int = 0, agree_s: float = AGREE_S) -> Outcome:
    """The outcome of a check while the story is told on a real broker; it keeps the first `kept` messages already."""
    clock, listening = Clock(story), asyncio.Event()
    own = sum(each.leaf not in {"ack", "cmd"} for each in story.said[kept:])
    check = asyncio.create_task(
        observe(
            Subject("home", story.device),
            Address("127.0.0.1", port),
            span=Span(WITHIN_S, own, settle_s=SETTLE_S, agree_s=agree_s),
            profile_of=shipped_profile,
            now=clock.now,
            on_ready=listening.set,
        )
    )
    async with asyncio.timeout(WITHIN_S), aiomqtt.Client("127.0.0.1", port) as client:
        await listening.wait()
        await clock.until(kept)
        for number, said in enumerate(story.said[kept:], kept + 1):
            payload = said.words if isinstance(said.words, bytes) else json.dumps(said.words).encode()
            topic = f"restock/v1/home/{story.device}/{said.leaf}"
            await client.publish(topic, payload, qos=said.qos, retain=said.retain)
            await clock.until(number)
        return await check


def broken(outcome: Outcome) -> set[str]:
    """The rules that are broken."""
    return {each.rule.id for each in outcome.results if each.status is Status.BROKEN}


def _minute_of_readings(story: Story) -> Story:
    for seq in range(1, 122):
        story.reading(seq, at_s=seq * 0.4)
    return story


_SALT = {"salt": (255, "%")}

# For each rule a device that breaks it, and nothing else but what stands in `_ALSO`.
BAD: Mapping[str, Callable[[Story], Story]] = {
    "topic.leaf": lambda story: story.hello().reading(1).raw("status", {"up": True}),
    "topic.device": lambda story: story.hello().reading(1, device="another"),
    "topic.qos": lambda story: story.birth().state(qos=0).reading(1),
    "payload.json": lambda story: story.hello().reading(1).raw("reading", b'{"device": "x", "seq": 2,'),
    "birth.sent": lambda story: story.state().reading(1).reading(2),
    "birth.schema": lambda story: story.hello().birth(firmware=None).birth(),
    "birth.profile": lambda story: story.birth(profile="acme.toaster").state().reading(1),
    "birth.before": lambda story: story.reading(1).hello().reading(2),
    "birth.retained": lambda story: story.birth(retain=False).state().reading(1),
    "birth.first_seq": lambda story: story.birth(first_seq=3).state().reading(2).reading(3),
    "birth.resend": lambda story: story.hello().reading(1).reading(2).ack(1).birth(first_seq=2).reading(3).quiet(40),
    "state.schema": lambda story: story.hello().reading(1).raw("state", {"device": story.device, "boot": "b1"}),
    "state.online": lambda story: story.hello().state("offline").birth("b2").quiet(11),
    "state.retained": lambda story: story.birth().state(retain=False).reading(1),
    "state.current": lambda story: story.hello().state("offline").reading(1),
    "will.offline": lambda story: story.hello().birth("b2").state(boot="b2").reading(1, "b2"),
    "reading.schema": lambda story: story.hello().reading(1, note="hello"),
    "reading.retained": lambda story: story.hello().reading(1, retain=True),
    "values.name": lambda story: story.hello().reading(1, values={"cheese": (4, "g")}),
    "values.type": lambda story: story.hello().reading(1, values={"milk": ("900", "g")}),
    "values.unit": lambda story: story.hello().reading(1, values={"milk": (0.9, "kg")}),
    "values.range": lambda story: story.birth(profile="restock.dishwasher").state().reading(1, values=_SALT),
    "seq.gap": lambda story: story.hello().reading(1).reading(3).quiet(40),
    "seq.order": lambda story: story.hello().reading(1).reading(3).reading(2),
    "seq.same": lambda story: story.hello().reading(1).reading(1, values={"milk": (1, "g")}),
    "boot.new": lambda story: story.hello().reading(1).reading(2).birth().reading(1, at_s=60),
    "ack.heeded": lambda story: story.hello().reading(1).ack(1).reading(2, after_s=2).birth().reading(1).reading(2),
    "cmd.rebirth": lambda story: story.hello().raw("cmd", {"cmd": "rebirth"}).reading(1).quiet(40),
    "time.window": lambda story: story.hello().reading(1, at="1970-01-01T00:00:07Z"),
    "time.ahead": lambda story: story.hello().reading(1, at_s=3_600),
    "time.order": lambda story: story.hello().reading(1, at_s=0).reading(2, at_s=-120),
    "rate.limit": lambda story: _minute_of_readings(story.hello()),
}
_ALSO = {
    "birth.sent": {"birth.before"},  # its online came without a birth too
    "boot.new": {"seq.same"},
}


def test_every_rule_has_a_device_that_breaks_it() -> None:
    """No rule is without its bad device; the size has a test of its own, since nats-server lets no such payload in."""
    assert set(BAD) | {"payload.size"} == set(RULES)


@pytest.mark.parametrize("rule", sorted(BAD))
async def test_a_device_that_breaks_a_rule_is_caught(rule: str, one_broker: Broker) -> None:
    """That rule fails and no other one; what is said names the message and what to do."""
    story = BAD[rule](Story(f"bad-{rule.replace('.', '-')}"))
    never_agrees = rule in {"birth.retained", "state.retained"}
    outcome = await checked(story, one_broker.port, agree_s=SETTLE_S if never_agrees else AGREE_S)
    assert broken(outcome) == {rule} | _ALSO.get(rule, set())
    [result] = [each for each in outcome.results if each.rule.id == rule]
    assert result.problem
    assert words.verdict(outcome, strict=False) is words.Verdict.FAIL
    told = "\n".join(words.lines(outcome, strict=False))
    assert result.rule.remedy in told
    assert result.rule.link in told


async def test_a_payload_over_the_limit_is_caught(mosquitto_broker: Broker) -> None:
    """On a broker that lets it through."""
    story = Story("bad-size").hello().raw("reading", b'{"device":"' + b"x" * 70_000 + b'"}')
    outcome = await checked(story, mosquitto_broker.port)
    assert broken(outcome) == {"payload.size"}


async def test_a_story_without_a_fault_passes(one_broker: Broker) -> None:
    """The frame of all the bad devices is good; what had no occasion is not seen and does not fail."""
    story = Story("good").hello()
    for seq in range(1, 4):
        story.reading(seq)
    outcome = await checked(story.reading(2), one_broker.port)
    seen = {each.rule.id: each.status for each in outcome.results}
    assert broken(outcome) == set()
    assert words.verdict(outcome, strict=False) is words.Verdict.SOUND
    assert words.verdict(outcome, strict=True) is words.Verdict.INCOMPLETE
    assert seen["seq.same"] is Status.KEPT
    assert seen["cmd.rebirth"] is Status.NOT_SEEN


async def test_a_birth_while_the_check_looks_at_what_is_retained_is_no_fault(one_broker: Broker) -> None:
    """The broker keeps a newer birth than the last of the messages that end the listening: it is heard, and agrees."""
    story, calls = Story("goes-on").hello(), itertools.count(1)
    ready = asyncio.Event()

    def now() -> datetime:
        if next(calls) == len(story.said):  # the last one is heard, and the look has not begun
            publish.single(
                "restock/v1/home/goes-on/birth",
                json.dumps({**as_words(story.said[0]), "at": _time(60)}),
                qos=1,
                retain=True,
                port=one_broker.port,
            )
        return NOW

    check = asyncio.create_task(
        observe(
            Subject("home", "goes-on"),
            Address("127.0.0.1", one_broker.port),
            span=Span(WITHIN_S, len(story.said), settle_s=SETTLE_S, agree_s=AGREE_S),
            profile_of=shipped_profile,
            now=now,
            on_ready=ready.set,
        )
    )
    await ready.wait()
    async with aiomqtt.Client("127.0.0.1", one_broker.port) as client:
        for said in story.said:
            topic = f"restock/v1/home/goes-on/{said.leaf}"
            await client.publish(topic, json.dumps(as_words(said)), qos=1, retain=True)
        outcome = await check
    assert words.broken(outcome) == ""
    assert outcome.messages == len(story.said) + 1


async def test_a_reading_held_over_a_restart_is_no_fault(one_broker: Broker) -> None:
    """It comes with its own boot, announced before the new one, and is older than the new birth."""
    story = Story("held").birth("b1").state().reading(1, at_s=-20).state("offline")
    story.birth("b1", first_seq=1).birth("b2").state(boot="b2").reading(1, at_s=-20).reading(1, "b2")
    assert broken(await checked(story, one_broker.port)) == set()


@pytest.mark.parametrize(("at_s", "fault"), [(-60, set()), (60, {"birth.before"})])
def test_who_comes_in_the_middle_does_not_blame_what_was_before(at_s: float, fault: set[str]) -> None:
    """A reading of a boot that nobody announced here is older than the birth that the broker keeps, or a fault."""
    story = Story("scale").birth("b2").reading(7, "b1", at_s=at_s)
    watch = Watch(home="home", device="scale", profile_of=shipped_profile)
    for said in story.said:
        topic = f"restock/v1/home/scale/{said.leaf}"
        watch.hear(Heard(topic, json.dumps(said.words).encode(), 1, said.retain, NOW))
    assert set(watch.broken()) == fault


async def test_a_device_that_runs_already_passes(one_broker: Broker) -> None:
    """Birth and state are what the broker keeps; two readings are enough for everything that needs no occasion."""
    story = Story("running").reading(41).reading(42)
    async with aiomqtt.Client("127.0.0.1", one_broker.port) as client:
        for said in Story("running").hello().said:
            await client.publish(f"restock/v1/home/running/{said.leaf}", json.dumps(said.words), qos=1, retain=True)
    story.said[:0] = Story("running").hello().said  # heard first, as what is retained
    outcome = await checked(story, one_broker.port, kept=2)
    unseen = [each.rule.id for each in outcome.results if each.status is Status.NOT_SEEN and not each.rule.occasion]
    assert (broken(outcome), unseen) == (set(), [])
    assert words.verdict(outcome, strict=False) is words.Verdict.SOUND


@asynccontextmanager
async def simulated(port: int, profile: str) -> AsyncIterator[Device]:
    """A simulated device on its broker."""
    identity = Identity("home", profile.rpartition(".")[2], profile, "test-1")
    device = Device(identity, BrokerAddress("127.0.0.1", port), now=lambda: NOW, rng=random.Random(1))
    task = asyncio.create_task(device.run())
    try:
        yield device
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


READINGS = {
    "restock.fridge": {"milk": Value(800.0, "g"), "door": Value("closed", ""), "temperature": Value(4.5, "Cel")},
    "restock.scale": {"weight": Value(2310.5, "g"), "stable": Value(value=True, unit="")},
    "restock.tank": {"amount": Value(412, "L"), "tilted": Value(value=False, unit="")},
}


@pytest.mark.parametrize("profile", sorted(READINGS))
async def test_simulated_devices_keep_every_rule(broker: Broker, profile: str) -> None:
    """With a hub that acknowledges, a power cut and a request for a birth: everything that was seen is kept."""
    name, ready = profile.rpartition(".")[2], asyncio.Event()
    span = Span(WITHIN_S, 15, settle_s=SETTLE_S)
    address = Address("127.0.0.1", broker.port)
    check = asyncio.create_task(
        observe(
            Subject("home", name),
            address,
            span=span,
            profile_of=shipped_profile,
            now=lambda: NOW,
            on_ready=ready.set,
        )
    )
    await ready.wait()
    async with fake_hub(broker.port) as hub, simulated(broker.port, profile) as device:
        for _ in range(3):
            device.report(READINGS[profile], at=NOW)
        await hub.until(lambda: len(hub.readings[name, device.boot]) == 3, within_s=WITHIN_S)
        old = device.boot
        device.power_off()
        await hub.until_offline(name, old, within_s=WITHIN_S)
        assert await device.power_on(within_s=WITHIN_S)
        device.report(READINGS[profile], at=NOW)
        await hub.until(lambda: len(hub.readings[name, device.boot]) == 1, within_s=WITHIN_S)
        await hub.rebirth(name)
        for _ in range(5):
            device.report(READINGS[profile], at=NOW)
        assert await device.stop(within_s=WITHIN_S)
        outcome = await check
    seen = {each.rule.id: each.status for each in outcome.results}
    assert broken(outcome) == set(), words.lines(outcome, strict=False)
    assert {seen[rule] for rule in ("will.offline", "boot.new", "cmd.rebirth", "seq.gap")} == {Status.KEPT}
    assert words.verdict(outcome, strict=False) is words.Verdict.SOUND


async def test_the_check_can_ask_for_a_birth_itself(one_broker: Broker) -> None:
    """On a bench without a hub: the device answers, and that is seen."""
    span = Span(WITHIN_S, 4, settle_s=SETTLE_S, ask_rebirth=True)
    address, subject = Address("127.0.0.1", one_broker.port), Subject("home", "bench")
    async with simulated(one_broker.port, "restock.bench") as device, fake_hub(one_broker.port, name="bench") as hub:
        await hub.until(lambda: any(topic.endswith("bench/state") for topic, _, _ in hub.others))
        check = observe(subject, address, span=span, profile_of=shipped_profile, now=lambda: NOW)
        task = asyncio.create_task(check)
        births = [topic for topic, _, _ in hub.others if topic.endswith("bench/birth")]
        await hub.until(lambda: sum(topic.endswith("bench/birth") for topic, _, _ in hub.others) > len(births))
        device.report(READINGS["restock.tank"], at=NOW)
        device.report(READINGS["restock.tank"], at=NOW)
        outcome = await task
    assert {each.rule.id: each.status for each in outcome.results}["cmd.rebirth"] is Status.KEPT


def test_a_profile_that_does_not_ship_can_be_given(tmp_path: Path) -> None:
    """Its values are read from the file; a file that is none is refused with its name."""
    name, values = load_profile(ROOT / "device_profiles/restock/scale.yaml")
    assert (name, values["weight"].unit, values["stable"].type) == ("restock.scale", "g", "flag")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("match: [1, 2]")
    with pytest.raises(ProfileFileError, match=r"wrong.yaml: no profile of a native device"):
        load_profile(wrong)


def test_the_command_prints_json_and_fails_for_silence(one_broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing heard is no pass; the document names every rule with its place in the documentation."""
    code = main(["conform", "--broker", one_broker.url, "--device", "nobody", "--for", "0.1", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == 1
    assert document["verdict"] == "incomplete"
    assert {rule["id"]: rule["status"] for rule in document["rules"]} == dict.fromkeys(RULES, "not_seen")
    assert document["rules"][0]["doc"] == "docs/protocol.md#topics"


_OBSERVER = """
authorization { users = [ { user: "observer", password: "right-one", permissions: {
    publish: ["restock.v1.*.*.cmd"], subscribe: ["restock.v1.>"] } } ] }
"""


@pytest.mark.parametrize(("password", "said"), [("right-one", "listening to scale"), ("wrong-one", "cannot connect")])
def test_an_observer_logs_in_with_a_password_from_a_file(
    start_nats: Callable[[str], Broker], tmp_path: Path, password: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may read devices and ask for a birth; a wrong password is told without its words."""
    broker, file = start_nats(_OBSERVER), tmp_path / "password"
    file.write_text(f"{password}\n")
    login = ["--username", "observer", "--password-file", str(file)]
    assert main(["conform", "--broker", broker.url, *login, "--device", "scale", "--for", "0.1", "--rebirth"]) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert password not in printed


def test_the_command_says_what_a_person_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    """A broker that is not there is one line and exit code 1."""
    assert main(["conform", "--broker", "mqtt://127.0.0.1:1", "--device", "fridge"]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1:1: cannot connect" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--device", "Fridge"], "'Fridge': 1 to 64 of a-z"),
        (["--device", "x", "--for", "0"], "'0': seconds, up to"),
        (["--device", "x", "--messages", "-1"], "whole number"),
        ([], "--device"),
    ],
)
def test_wrong_usage_is_one_line(more: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    with pytest.raises(SystemExit) as left:
        main(["conform", "--broker", "mqtt://127.0.0.1:1", *more])
    assert left.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--broker", "http://x"], "mqtt://HOST:PORT or mqtts://HOST:PORT is wanted"),
        (["--broker", "mqtt://me:secret@x"], "mqtt://...@x: mqtt://HOST:PORT"),
        (["--broker", "mqtt://x", "--ca-file", "ca.pem"], "need a broker at mqtts://"),
        (["--broker", "mqtt://x", "--password-file", "nowhere"], "--password-file needs --username"),
        (["--broker", "mqtt://x", "--username", "u", "--password-file", "nowhere"], "nowhere: cannot be read"),
        (["--broker", "mqtts://x", "--ca-file", "nowhere"], "cannot be used"),
    ],
)
def test_a_broker_that_is_named_wrongly_is_refused(
    more: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that says what is wanted, exit code 2, and no password in it."""
    assert main(["conform", "--device", "x", *more]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert "secret" not in said
