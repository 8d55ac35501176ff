"""A run of a large fleet: one clock, one wheel, one loop; devices, connections, consumer and logs meet here.

The run begins when the first device is switched on, and ends when every reading is acknowledged and heard, or when
nothing has moved for a while. Whatever stops it before that, what was counted is kept.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial

from firmware_sim.crowd import process
from firmware_sim.crowd.delays import Delays
from firmware_sim.crowd.notices import Notice, Notices
from firmware_sim.crowd.truth import TruthLog, TruthLogError
from firmware_sim.listening import LinkError
from firmware_sim.load.device import Device
from firmware_sim.load.heard import Consumer, Heard
from firmware_sim.load.ledger import Ledger
from firmware_sim.load.link import NO_FILE, NO_FILE_HERE, NO_PORT, Link, Wire, plain
from firmware_sim.load.plan import Plan
from firmware_sim.load.wheel import TICK_S, Wheel

_CONNECTING_MAX = 64  # at once: what waits in a listening socket's queue is 100 at some brokers
_ANSWER_WITHIN_S = 10.0
_BEHIND_S = 5.0  # so many seconds of readings may be under way to the consumer, or wait for the broker
_BEHIND_MIN = 200
_LATE_S = 1.0
_LEAVING_S = 10.0
_PORTS = 20_000  # of one local address
_POINTS_MAX = 600
_WHEN_REFUSED = "check --broker, --mqtt, user and password, and what this user may do at the broker"
_WHEN_LOST = "see the broker's log; its limits on connections and open files must be above this fleet's size"
_WHEN_NONE_LEFT = {
    NO_FILE: "raise its limit (`ulimit -n`, or LimitNOFILE of its unit), or run the rest in another process",
    NO_FILE_HERE: "raise fs.file-max, or run the rest on another machine",
    NO_PORT: "widen net.ipv4.ip_local_port_range, or run the rest on another machine",
}
_NOWHERE = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What is no part of the fleet itself."""

    keepalive_s: float = 60.0
    hold_max: int = 100  # readings that a device keeps while it cannot send them
    settle_s: float = 10.0  # without any progress, after the last reading
    clears: bool = False
    listens: bool = False  # to the hub
    sources: tuple[str, ...] = ()  # local addresses to connect from, each for 20,000 devices


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of the run; counts are since its start, delays since the point before."""

    at_s: float
    connected: int
    taken: int
    acked: int
    gone: int  # dropped or wiped before they were acknowledged
    heard: int | None
    delay_p50_s: float | None
    delay_p99_s: float | None
    late_s: float
    cpu_s: float


@dataclass(slots=True)
class Marks:
    """When what was reached, and what the process had used by then."""

    all_connected_s: float | None = None
    cpu_before_s: float = 0.0
    cpu_connected_s: float = 0.0
    cpu_from_s: float = 0.0  # the window in which publishes are counted: from all connected to the last reading
    publishes_from: int = 0
    cpu_until_s: float = 0.0
    publishes_until: int = 0
    resident_before_kb: float | None = None
    resident_connected_kb: float | None = None


@dataclass(slots=True)
class Outcome:
    """Everything that is known when it is over.

    `ended` is `done`, `unsettled`, `disk_full`, `refused`, `interrupted`, or `unheard`: the consumer told nothing.
    """

    plan: Plan
    run: str
    ended: str
    ledger: Ledger
    heard: Heard
    marks: Marks
    lasted_s: float = 0.0
    given_up: int = 0
    notices: Sequence[Notice] = ()
    points: list[Point] = field(default_factory=list)


class FleetRun:
    """Fulfils device.Scene. `say` gets a line of progress each second, and each notice at once."""

    def __init__(
        self,
        plan: Plan,
        *,
        run: str,
        wire: Wire,
        truth: TruthLog,
        options: Options,
        monotonic: Callable[[], float],
        epoch_s: float,
        say: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.period_s, self.ends_s = plan.period_s, plan.ends_s
        self.run = run
        self.epoch_s = epoch_s
        self.ledger = Ledger(plan.devices)
        self.truth = truth
        self.wheel = Wheel()
        self.hold_max = options.hold_max
        self.faulty = bool(plan.faults)
        self.is_over = False
        self.clears, self.listens = options.clears, options.listens
        self.recent = Delays()
        self.heard = Heard(plan, run=run)
        self.wire = wire
        self._options = options
        self._monotonic = monotonic
        self._began = monotonic()
        self._say = say
        self._outcome = Outcome(plan, run, "done", self.ledger, self.heard, Marks())
        self._devices: list[Device] = []
        self._wanting: deque[Device] = deque()
        self._attempts: dict[int, tuple[Link | None, float]] = {}  # by device: what is being connected, and until when
        self._tasks: set[asyncio.Task[None]] = set()
        self._notices = Notices(say)
        self._every = 1  # seconds between two points
        self._look_every_s = options.keepalive_s / 2
        self._heard_now: int | None = None
        self._is_counting = False

    # --- device.Scene ---

    def now_s(self) -> float:
        """See device.Scene."""
        return self._monotonic() - self._began

    def connect(self, device: Device) -> None:
        """See device.Scene."""
        self._wanting.append(device)
        self._connect_more()

    def came_up(self, device: Device) -> None:
        """See device.Scene."""
        self._attempts.pop(device.index, None)
        tally = self.ledger.tally
        tally.connects += 1
        tally.connected += 1
        tally.connected_most = max(tally.connected_most, tally.connected)
        self.heard.up_since_s[device.index] = self.now_s()
        if device.link is not None:
            self._look_every_s = min(self._look_every_s, device.link.keepalive_s / 2)
        if tally.connected == len(self._devices) and not self._is_counting:
            self._is_counting = True
            self._open_window()
        self._connect_more()

    def went_down(self, device: Device, reason: str, *, was_up: bool, planned: bool, for_good: bool) -> bool:
        """See device.Scene. The first one of all that is refused for good ends the run."""
        self._attempts.pop(device.index, None)
        tally = self.ledger.tally
        if was_up:
            tally.connected -= 1
        if not planned:
            tally.lost += was_up
            tally.failed += not was_up
            self.ledger.reasons[reason] += 1
            what = "a connection was lost" if was_up else "a connection was not taken"
            self._notice(f"{what}: {reason}", _WHEN_NONE_LEFT.get(reason, _WHEN_REFUSED if for_good else _WHEN_LOST))
        if for_good:
            self._outcome.given_up += 1
            if not tally.connects:
                self._stop("refused")
        self._connect_more()
        return not for_good and not self.is_over

    # --- the run ---

    async def play(self, consumer: Consumer) -> Outcome:
        """The whole run; what was counted is kept when it is cancelled, too.

        Raises: LinkError when the consumer cannot be used.
        """
        await consumer.open()
        self._begin()
        try:
            await self._turn(consumer, self._is_past_end)
            self._close_window()
            for device in self._devices:
                device.finish()
            await self._settle(consumer)
        except asyncio.CancelledError:
            self._stop("interrupted")
        if self.is_over:
            await self._hear_out(consumer)
        self.is_over = True
        self._outcome.lasted_s = self.now_s()
        await self._leave(consumer)
        with suppress(TruthLogError):
            self._note_end()
        self._outcome.notices = tuple(self._notices)
        return self._outcome

    def _begin(self) -> None:
        gc.collect()
        marks = self._outcome.marks
        marks.resident_before_kb, marks.cpu_before_s = process.resident_kb(), process.cpu_s()
        self._began = self._monotonic()
        plan = self.plan
        self.truth.note(json.dumps({"at_s": 0.0, "what": "begin", "run": self.run, "plan": asdict(plan)}))
        fits = process.raise_file_limit()
        self._devices = [Device(self, index) for index in range(min(plan.devices, fits))]
        if fits < plan.devices:
            self._outcome.given_up = plan.devices - fits
            self._notice(
                f"this process may open files for {fits} of {plan.devices} devices; the others stay away",
                _WHEN_NONE_LEFT[NO_FILE],
            )
        for device in self._devices:
            self.wheel.at(plan.on_at_s(device.index), device.switch_on)
        for number, outage in enumerate(plan.outages):
            self.wheel.at(outage.at_s, partial(self._black_out, number))
        for number, herd in enumerate(plan.herds):
            self.wheel.at(herd.at_s, partial(self._stampede, number))

    def _black_out(self, number: int) -> None:
        for index, back_s in self.plan.off(number):
            self._lose(index, until_s=back_s)

    def _stampede(self, number: int) -> None:
        now_s = self.now_s()
        for index in self.plan.stampeding(number):
            self._lose(index, until_s=now_s)

    def _lose(self, index: int, *, until_s: float) -> None:
        if index < len(self._devices):
            self._devices[index].lose_connection(until_s=until_s)

    async def _turn(self, consumer: Consumer, is_done: Callable[[], bool]) -> None:
        """Turn the wheel until this is done or the run was stopped."""
        second = int(self.now_s())
        while not self.is_over and not is_done():
            await asyncio.sleep(TICK_S)
            self.wheel.turn(self.now_s())
            if int(self.now_s()) > second:
                second = int(self.now_s())
                await self._each_second(consumer, second)

    def _is_past_end(self) -> bool:
        return self.now_s() >= self.ends_s

    async def _settle(self, consumer: Consumer) -> None:
        """Until everything that was taken has come through, or nothing has moved for `settle_s`."""
        before: tuple[int, int | None] = (-1, -1)
        since_s = self.now_s()
        while not self.is_over:
            now = (self.ledger.tally.acked, await consumer.look())
            if all(device.is_settled for device in self._devices) and (now[1] is None or now[1] >= now[0]):
                return
            if now != before:
                before, since_s = now, self.now_s()
            elif self.now_s() - since_s > self._options.settle_s:
                self._outcome.ended = "unsettled"
                return
            until_s = self.now_s() + 10 * TICK_S
            await self._turn(consumer, lambda until_s=until_s: self.now_s() >= until_s)  # type: ignore[misc]

    async def _hear_out(self, consumer: Consumer) -> None:
        """Where the run was stopped: what is acknowledged may still be on its way, and is not lost by that."""
        heard, since_s = await consumer.look(), self.now_s()
        while heard is not None and heard < self.ledger.tally.acked and self.now_s() - since_s < self._options.settle_s:
            await asyncio.sleep(10 * TICK_S)
            before, heard = heard, await consumer.look()
            since_s = since_s if heard == before else self.now_s()

    async def _each_second(self, consumer: Consumer, second: int) -> None:
        try:
            self.truth.flush()
        except TruthLogError as exc:
            self._notice(f"the truth log cannot be written: {exc}", "make room, or name another place with --truth")
            self._stop("disk_full")
        self._heard_now = await consumer.look()
        for index in range(
            second % max(1, int(self._look_every_s)), len(self._devices), max(1, int(self._look_every_s))
        ):
            link = self._devices[index].link
            if link is not None:
                link.look()
        self._give_up_waiting()
        self._judge()
        if second % self._every == 0:
            self._sample()

    def _sample(self) -> None:
        tally, recent = self.ledger.tally, self.recent
        self._outcome.points.append(
            Point(
                at_s=round(self.now_s(), 3),
                connected=tally.connected,
                taken=tally.taken,
                acked=tally.acked,
                gone=tally.dropped + tally.wiped,
                heard=self._heard_now,
                delay_p50_s=recent.at_most_s(0.5),
                delay_p99_s=recent.at_most_s(0.99),
                late_s=round(tally.late_s, 4),
                cpu_s=round(process.cpu_s(), 3),
            )
        )
        self._say(
            f"{self.now_s():5.0f} s  connected {tally.connected}/{self.plan.devices}  taken {tally.taken}  "
            f"acknowledged {tally.acked}  heard {self._heard_now}"
        )
        recent.clear()
        tally.late_s = 0.0
        if len(self._outcome.points) >= _POINTS_MAX:
            self._outcome.points = self._outcome.points[1::2]
            self._every *= 2

    def _judge(self) -> None:
        """Say at once what is slower than the fleet."""
        tally, now_s = self.ledger.tally, self.now_s()
        much = max(_BEHIND_MIN, _BEHIND_S * self.plan.rate_per_s)
        if self._heard_now is not None and tally.acked - self._heard_now > much:
            self._notice(
                f"the consumer is {tally.acked - self._heard_now} readings behind: it has taken {self._heard_now} of "
                f"{tally.acked} ({self._heard_now / now_s:.0f}/s)",
                "lower --rate, or let the broker keep more for a slow consumer (mosquitto: max_queued_messages)",
            )
        waiting = tally.taken - tally.acked - tally.dropped - tally.wiped
        if waiting > much and tally.connected == self.plan.devices:
            self._notice(
                f"the broker is {waiting} readings behind: it has acknowledged {tally.acked} of "
                f"{tally.taken} ({tally.acked / now_s:.0f}/s)",
                "lower --rate, or raise --in-flight where devices may have several readings under way",
            )
        if tally.dropped:
            self._notice(f"devices had to drop readings: {tally.dropped} so far", "raise --hold, or lower --rate")
        if tally.late_s > _LATE_S:
            self._notice(
                f"this process is late: a reading was taken {tally.late_s:.1f} s after its time, {tally.taken} in all",
                "lower --rate, or share the fleet out over processes and machines",
            )

    # --- connections ---

    def _connect_more(self) -> None:
        while self._wanting and len(self._attempts) < _CONNECTING_MAX:
            device = self._wanting.popleft()
            self._attempts[device.index] = (None, self.now_s() + _ANSWER_WITHIN_S)
            task = asyncio.get_running_loop().create_task(self._open(device))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, device: Device) -> None:
        sources = self._options.sources
        source = sources[device.index // _PORTS % len(sources)] if sources else None
        try:
            link = await self.wire.open(device, turn=device.turn, source=source)
        except OSError as exc:
            device.went_down((), plain(exc), for_good=exc.errno in _NOWHERE)
            return
        if device.index in self._attempts:
            self._attempts[device.index] = (link, self._attempts[device.index][1])

    def _give_up_waiting(self) -> None:
        """Connections that the broker took and did not answer."""
        for link, until_s in list(self._attempts.values()):
            if link is not None and self.now_s() > until_s:
                link.cut()

    async def _leave(self, consumer: Consumer) -> None:
        try:
            await consumer.close()
        except LinkError as exc:
            self._notice(str(exc), "what the broker took is counted all the same")
            self._outcome.ended = "unheard"
        if self.heard.forgotten:
            self._notice(
                f"the broker had forgotten the check subscriber's session {self.heard.forgotten} times",
                "let it keep sessions over a restart; what is lost here may be lost by that",
            )
        self._wanting.clear()
        for device in self._devices:
            device.leave()
        until_s = self.now_s() + _LEAVING_S
        while self.ledger.tally.connected and self.now_s() < until_s:  # noqa: ASYNC110 - thousands, looked at together
            await asyncio.sleep(TICK_S)
        for device in self._devices:
            if device.link is not None:
                device.link.cut()
        for link, _ in self._attempts.values():
            if link is not None:
                link.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(0)

    # --- books ---

    def _stop(self, ended: str) -> None:
        self.is_over = True
        self._outcome.ended = ended

    def _notice(self, what: str, change: str) -> None:
        reached = f"connected {self.ledger.tally.connected} of {self.plan.devices}"
        self._notices.add(what, change, at_s=self.now_s(), reached=reached)

    def _note_end(self) -> None:
        self.truth.note(json.dumps({"at_s": round(self.now_s(), 6), "what": "end", "ended": self._outcome.ended}))
        self.truth.flush()

    def _open_window(self) -> None:
        if self.ledger.tally.connected == self.plan.devices:
            self._outcome.marks.all_connected_s = self.now_s()
        marks = self._outcome.marks
        marks.cpu_connected_s = process.cpu_s()
        gc.collect()
        gc.freeze()  # ten thousand devices stay to the end: nobody looks for garbage in them
        marks.resident_connected_kb = process.resident_kb()
        marks.cpu_from_s, marks.publishes_from = process.cpu_s(), self.ledger.tally.publishes

    def _close_window(self) -> None:
        marks = self._outcome.marks
        if self._is_counting:
            marks.cpu_until_s, marks.publishes_until = process.cpu_s(), self.ledger.tally.publishes
