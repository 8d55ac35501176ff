"""`python -m tests.campaign offline`: a month of readings and approvals while the cloud is away, and then the cloud.

Real: a Mosquitto that keeps sessions, sensors in a process of their own, the hub's connection to the broker, its
store on the disk with `synchronous=FULL`, its review and upkeep, the page on which a person answers, the gate out, and
in the end a bridge as a process. Only time is the campaign's: each quarter of an hour the clock moves on, the sensors
publish what they measured in it, the hub takes it in, and then it takes the turns that were due. Every other day the
hub ends between a commit and its PUBACK, and starts again.

One JSON object on standard output; how far it has come on standard error. It holds when nothing was lost or doubled,
the folder stayed within its bar, and the bridge has every order once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import Intent
from edge_agent.adapters.store.opening import open_store
from edge_agent.config import HubConfig
from edge_agent.core.leave.terms import terms_hash
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.core.prompt import PromptRecord
from firmware_sim.processes import Child, Command, free_ports, script, wait_http
from tests.campaign.offline import judge
from tests.campaign.offline.hub import Hub, Notes, Periods, Wall, alive, set_up_home
from tests.campaign.offline.sensors import SIGNAL, Sensors
from tests.conftest import SESSIONS_IN_MEMORY, Broker, mosquitto
from tests.edge_agent.samples import prompt

FOLDER_MB_MAX = 256
BACKLOG_PER_S_MIN = 5_000
_BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
_STEP = timedelta(minutes=15)
_DAY = timedelta(days=1)
_ASKED_AT_H = (7, 12, 19)
_DECLINES_EVERY = 5
_OFFER_LIVES = timedelta(days=60)
_STEP_WITHIN_S = 300.0
_BACKLOG_WITHIN_S = 600.0
_DRAINS_MAX = 50
_DONE = 303
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, with how many sensors, and how many of their readings wait at the broker for a hub that was off.

    `rows_max` is `store.messages_max`: so many of the newest messages are kept as they came.
    """

    days: float = 30.0
    sensors: int = 20
    every_s: int = 10
    backlog: int = 100_000
    rows_max: int = 500_000
    plug_every: timedelta = timedelta(days=2)

    @property
    def steps(self) -> int:
        """Quarters of an hour."""
        return ceil(self.days * _DAY / _STEP)

    @property
    def seqs_a_step(self) -> int:
        """Readings of one sensor."""
        return int(_STEP.total_seconds()) // self.every_s


@dataclass
class Told:
    """What came of it. Sizes are MB of 10^6 bytes of every file in the hub's folder."""

    readings: int = 0
    approved: list[str] = field(default_factory=list)
    declined: int = 0
    restarts: int = 0
    folder_mb_max: float = 0.0
    missed_turns: dict[str, int] = field(default_factory=dict)
    backlog: dict[str, float] = field(default_factory=dict)
    raw: int = 0
    summed_up: int = 0
    lost: int = 0
    doubled: int = 0
    orders_at_bridge: int = 0
    faults: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether it is as promised."""
        within = self.folder_mb_max <= FOLDER_MB_MAX
        return within and not (self.lost or self.doubled or self.faults) and self.readings > 0

    def to_json(self) -> str:
        """One JSON object on one line."""
        said = asdict(self) | {"approved": len(self.approved), "folder_mb_allowed": FOLDER_MB_MAX, "holds": self.holds}
        return json.dumps(said)


def main(options: argparse.Namespace) -> int:
    """The command: 0 where all holds."""
    told = run(Plan(days=options.days, sensors=options.sensors, backlog=options.backlog))
    sys.stdout.write(told.to_json() + "\n")
    return 0 if told.holds else 1


def run(plan: Plan) -> Told:
    """The whole of it, in a folder that goes away with it."""
    began_s, began = time.monotonic(), os.times()
    with (
        tempfile.TemporaryDirectory(prefix="restock-offline-") as name,
        mosquitto(Path(name), SESSIONS_IN_MEMORY) as broker,
    ):
        told = asyncio.run(_Month(plan, Path(name), broker).run())
    ended = os.times()
    told.cpu_s = round(ended.user + ended.system - began.user - began.system, 1)
    told.seconds = round(time.monotonic() - began_s, 1)
    return told


class _Publishing:
    """The sensors' process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.last = 0

    def send(self, count: int) -> None:
        """The next `count` readings of each sensor; `wait` comes before anything else."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.last + 1} {self.last + count}\n")
        self._process.stdin.flush()
        self.last += count

    async def wait(self) -> None:
        """Until the broker has them."""
        assert self._process.stdout is not None
        said = await asyncio.to_thread(self._process.stdout.readline)
        assert said.strip() == str(self.last), f"the sensors ended: {said!r}"


class _Month:
    def __init__(self, plan: Plan, folder: Path, broker: Broker) -> None:
        self._plan = plan
        self._folder = folder
        self._broker = broker
        self._sensors = Sensors(plan.sensors, plan.every_s, _BEGAN)
        self._wall = Wall(_BEGAN)
        self._notes = Notes()
        self._told = Told()
        [self._bridge_port] = free_ports(1)
        self._questions = 0

    async def run(self) -> Told:
        config, public_key = set_up_home(
            self._folder,
            broker_url=self._broker.url,
            bridge_port=self._bridge_port,
            household=_household(self._plan),
            rows_max=self._plan.rows_max,
        )
        async with alive(self._folder, config, wall=self._wall, notes=self._notes):
            pass  # the broker keeps a session for it from now on
        with _publishing(self._broker.port, self._sensors) as publishing:
            await self._live(config, publishing)
            await self._take_backlog(config, publishing)
        await self._meet_the_cloud(config, public_key)
        self._told.missed_turns = dict(self._notes.missed)
        self._judge(config, last=publishing.last)
        return self._told

    async def _live(self, config: HubConfig, publishing: _Publishing) -> None:
        step, pulled = 0, 0
        while step < self._plan.steps:
            self._told.restarts += step > 0
            async with alive(self._folder, config, wall=self._wall, notes=self._notes) as hub:
                while step < self._plan.steps:
                    step += 1
                    self._wall.passes(_STEP)
                    publishing.send(self._plan.seqs_a_step)
                    if self._wall.shown - _BEGAN >= (pulled + 1) * self._plan.plug_every:
                        pulled += 1
                        hub.plug.is_pulled = True
                    await self._take_in(hub, publishing, within_s=_STEP_WITHIN_S)
                    await self._turns(hub, step)
                    self._measure(step)

    async def _take_in(self, hub: Hub, publishing: _Publishing, *, within_s: float) -> None:
        """Raises PulledPlugError; what was published stays with the broker then, and the next life takes it in."""
        sent = asyncio.create_task(publishing.wait(), name="sensors")
        try:
            await hub.take_in(until=lambda: self._has_all(publishing), within_s=within_s)
        finally:
            await sent

    def _has_all(self, publishing: _Publishing) -> bool:
        return sum(self._notes.cursors.values()) >= publishing.last * self._plan.sensors

    async def _turns(self, hub: Hub, step: int) -> None:
        minutes = int(_STEP.total_seconds()) // 60
        for minute in range(minutes):
            await hub.minute(step * minutes + minute, Periods())
        if self._wall.shown.minute == 0 and self._wall.shown.hour in _ASKED_AT_H:
            await self._ask(hub)

    async def _ask(self, hub: Hub) -> None:
        """Put a question of an article without a sensor, and answer it on its page."""
        self._questions += 1
        number = self._questions
        question = _question(number, self._wall.shown)
        hub.orders.add_prompt(question)
        form = await hub.page.form(question.id)
        assert form is not None, f"question {number} cannot be answered"
        action = "decline" if number % _DECLINES_EVERY == 0 else "approve"
        fields = {"csrf": form.csrf, "terms_hash": form.terms_hash}
        status = await hub.page.answer(
            question.id, action, fields=fields | ({"reason": "have_spare"} if action == "decline" else {})
        )
        if status != _DONE:
            self._told.faults.append(f"question {number}: {action} was answered with {status}")
        elif action == "decline":
            self._told.declined += 1
        else:
            intent = hub.orders.last_intent(question.item)
            assert intent is not None, f"question {number} was approved and there is no order"
            self._told.approved.append(intent.id)

    def _measure(self, step: int) -> None:
        files = (each for each in (self._folder / "data").rglob("*") if each.is_file())
        self._told.folder_mb_max = max(self._told.folder_mb_max, sum(each.stat().st_size for each in files) / _MB)
        if step % (_DAY // _STEP) == 0:
            sys.stderr.write(
                f"day {step * _STEP // _DAY}: {sum(self._notes.cursors.values())} readings, folder at most "
                f"{self._told.folder_mb_max:.0f} MB, {len(self._told.approved)} orders wait\n"
            )

    async def _take_backlog(self, config: HubConfig, publishing: _Publishing) -> None:
        """What waits at the broker for a hub that was off: the clock moves on, and then it starts."""
        seqs = self._plan.backlog // self._plan.sensors
        self._wall.passes(timedelta(seconds=seqs * self._plan.every_s))
        publishing.send(seqs)
        await publishing.wait()
        async with alive(self._folder, config, wall=self._wall, notes=self._notes) as hub:
            began_s, began = time.monotonic(), os.times()
            await hub.take_in(until=lambda: self._has_all(publishing), within_s=_BACKLOG_WITHIN_S)
            took_s, ended = time.monotonic() - began_s, os.times()
            cpu_s = ended.user + ended.system - began.user - began.system
            self._told.backlog = {
                "readings": seqs * self._plan.sensors,
                "per_s": round(seqs * self._plan.sensors / took_s),
                "per_cpu_s": round(seqs * self._plan.sensors / cpu_s),
                "per_s_wanted": BACKLOG_PER_S_MIN,
            }
            await self._turns(hub, 0)
            self._measure(0)

    async def _meet_the_cloud(self, config: HubConfig, public_key: str) -> None:
        """A bridge comes up by the campaign's clock, and the hub drains what waits."""
        async with AsyncExitStack() as stack:
            hub = await stack.enter_async_context(alive(self._folder, config, wall=self._wall, notes=self._notes))
            bridge = _bridge(self._folder, port=self._bridge_port, public_key=public_key, now=self._wall.shown)
            stack.push_async_callback(bridge.stop)
            await wait_http(bridge, f"http://127.0.0.1:{self._bridge_port}/healthz")
            for _ in range(_DRAINS_MAX):
                await hub.tasks._drain()
                if not hub.orders.outbox(limit=1):
                    break
            waiting = [row.intent for row in hub.orders.outbox(limit=1_000)]
            offered = [
                Intent.model_validate_json(body).terms.intent_id
                for (body,) in hub.store.connection.db.execute(
                    "SELECT body FROM egress WHERE purpose = 'order' AND body IS NOT NULL ORDER BY id"
                )
            ]
        with Database(_bridge_store(self._folder)) as database:
            known = await SqlOrderStore(database).report()
        there = [each.intent_id for each in known.orders]
        self._told.orders_at_bridge = len(there)
        self._told.faults += judge.orders(self._told.approved, waiting=waiting, offered=offered, at_bridge=there)

    def _judge(self, config: HubConfig, *, last: int) -> None:
        told = self._told
        with open_store(self._folder / "data", config, wall=self._wall, ticks_s=self._wall.ticks_s) as store:
            verdict = judge.readings(store.connection.db, self._sensors, last=last)
            if (fault := store.chain.check()) is not None:
                told.faults.append(f"the audit log: {fault}")
        told.readings = last * self._plan.sensors
        told.raw, told.summed_up, told.lost, told.doubled = (
            verdict.raw, verdict.summed_up, verdict.lost, verdict.doubled,
        )  # fmt: skip
        told.faults += verdict.faults


@contextmanager
def _publishing(port: int, sensors: Sensors) -> Iterator[_Publishing]:
    words = [str(port), str(sensors.count), str(sensors.every_s), str(int(sensors.began.timestamp()))]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.campaign.offline.sensors", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _Publishing(process)
    finally:
        process.terminate()
        process.communicate()


def _question(number: int, now: datetime) -> PromptRecord:
    asked = prompt(f"q{number}", item=f"article-{number}")
    offer = replace(asked.offer, expires_at=now + _OFFER_LIVES, deliver_by=(now + _OFFER_LIVES).date(), hold_s=0)
    return replace(
        asked,
        id=PromptId(f"q{number}"),
        item=ItemId(f"article-{number}"),
        offer=offer,
        terms_hash=terms_hash(offer),
        created_at=now,
        changed_at=now,
    )


def _household(plan: Plan) -> str:
    """A thing on each scale, and as many articles without a sensor as there are questions."""
    scales = "".join(
        _item(f"ware-{n}", f'[items.binding]\ndevice = "scale-{n:02d}"\nsignal = "{SIGNAL}"\n')
        for n in range(plan.sensors)
    )
    questions = ceil(plan.days + 1) * len(_ASKED_AT_H)
    return scales + "".join(_item(f"article-{n}", "", told="cycle_days = 300.0\n") for n in range(1, questions + 1))


def _item(ident: str, binding: str, *, told: str = "") -> str:
    return (
        f'[[items]]\nid = "{ident}"\nname = "{ident}"\ncategory = "oats"\nunit = "g"\nroom_packs = 6\n'
        f'prior_use_per_day = 600.0\n{told}[items.product]\ntitle = "Whole milk, 1 l"\nmerchant = "grocer"\n'
        f'sku = "milk-whole-1l"\npack_amount = 6000.0\n{binding}'
    )


def _bridge_store(folder: Path) -> str:
    return f"sqlite:///{folder / 'bridge.sqlite3'}"


def _bridge(folder: Path, *, port: int, public_key: str, now: datetime) -> Child:
    config = folder / "bridge.toml"
    config.write_text(
        f"""[server]
port = {port}
[store]
url = "{_bridge_store(folder)}"
[[households]]
id = "home"
public_key = "{public_key}"
[[merchants]]
id = "grocer"
kind = "ucp"
url = "http://127.0.0.1:9" # nobody is there: what is judged is what the bridge took
currency = "USD"
buyer_name = "Our Home"
buyer_email = "home@example.com"
payment_handler = "mock_payment_handler"
webhooks = "unsigned_hints"
[merchants.destinations.home]
street_address = "1 Elm St"
address_locality = "Springfield"
address_region = "IL"
postal_code = "62704"
address_country = "US"
[clock]
speed = 1.0
real_epoch = {datetime.now(UTC).isoformat()}
virtual_epoch = {now.isoformat()}
""",
        encoding="utf-8",
    )
    argv = [script("restock-bridge"), "run", "--config", str(config)]
    token = {"RESTOCK_PAYMENT_TOKEN_GROCER": "success_token"}
    return Child(Command(name="bridge", argv=argv, log=folder / "bridge.log", environment=token))
