"""A run of many households: one clock, one loop; hubs, links, outages, the merchant's books and the log meet here.

The run ends when every hub has nothing more to do, or when nothing has moved for a while. Whatever stops it before
that, what was counted is kept, and the merchant's books are read all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from firmware_sim.crowd import process
from firmware_sim.crowd.delays import Delays
from firmware_sim.crowd.notices import Notice, Notices
from firmware_sim.crowd.truth import TruthLog, TruthLogError
from firmware_sim.hubs.hub import Hub, Order, Shop, Tally
from firmware_sim.hubs.judge import Verdict, judge
from firmware_sim.hubs.ledger import LedgerError, Sale
from firmware_sim.hubs.link import CONNECTIONS, Books, Bridge, Kind, Link, NoAnswerError, RefusedError
from firmware_sim.hubs.plan import Plan
from firmware_sim.hubs.words import PRICES, Prices, Signatory, price_query

_TICK_S = 0.1
_POINTS_MAX = 600
_LEAVING_S = 5.0
_UNAUTHENTIC = 401
_WHEN_UNKNOWN = (
    "the operator adds what --enrol wrote to the bridge's configuration and starts it anew; --bridge must be the "
    "bridge's own public address, letter by letter, and both clocks must be right"
)
_WHEN_AWAY = "is it running, and is --bridge its address? Its log says more"
_WHEN_SILENT = "see the bridge's log: its open files (LimitNOFILE) and processor are the usual limits"
_WHEN_WRONG = "is this a Restock bridge of the same version? A proxy's own page is no answer"

log = logging.getLogger(__name__)


class StoppedError(Exception):
    """The run cannot begin; `ended` says how it is called."""

    def __init__(self, ended: str, what: str, change: str) -> None:
        super().__init__(what)
        self.ended = ended
        self.change = change


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the households buy, and where."""

    merchant: str
    delivery_ref: str
    skus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """What is no part of the plan. `sales` reads the merchant's books; None: nobody is asked."""

    settle_s: float = 30.0  # without any progress, beyond the hold and the pauses
    sales: Callable[[], list[Sale]] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of the run; counts are since its start, latencies since the point before."""

    at_s: float
    connected: int  # hubs that are on and not in an outage
    made: int
    accepted: int
    ended: int
    waiting: int
    latency_p50_s: float | None
    latency_p99_s: float | None
    cpu_s: float


@dataclass(slots=True)
class Caught:
    """How the hubs caught up after one outage."""

    hubs: int = 0
    owed: int = 0  # orders that had piled up
    ended_s: float | None = None
    drained: Delays = field(default_factory=Delays)
    all_after_s: float | None = None  # from its end until the last hub; None: not all did


@dataclass(slots=True)
class Outcome:
    """Everything that is known when it is over.

    `ended` is `done`, `unsettled`, `refused`, `unreachable`, `disk_full` or `interrupted`.
    """

    plan: Plan
    run: str
    ended: str
    tally: Tally
    books: Books
    caught: list[Caught]
    orders: list[Order] = field(default_factory=list)
    notices: Sequence[Notice] = ()
    points: list[Point] = field(default_factory=list)
    verdict: Verdict | None = None
    given_up: int = 0
    waiting: int = 0
    lasted_s: float = 0.0
    cpu_s: float = 0.0
    accepted: Delays = field(default_factory=Delays)  # from the approval to the bridge's receipt


class HubsRun:
    """Fulfils hub.Scene. `say` gets a line of progress each second, and each notice at once."""

    def __init__(
        self,
        plan: Plan,
        *,
        run: str,
        bridge: Bridge,
        households: Sequence[Signatory],
        wanted: Wanted,
        truth: TruthLog,
        options: Options,
        monotonic: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.run = run
        self.tally = Tally()
        self.truth = truth
        self.shop = Shop(wanted.merchant, wanted.delivery_ref, ())
        self._wanted = wanted
        self._bridge = bridge
        self._households = households
        self._options = options
        self._monotonic = monotonic
        self._say = say
        self._began = monotonic()
        self._books = Books()
        self._notices = Notices(say)
        self._outcome = Outcome(plan, run, "done", self.tally, self._books, [Caught() for _ in plan.outages])
        self._hubs: list[Hub] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._before: frozenset[str] = frozenset()
        self._every = 1
        self._is_over = False

    # --- hub.Scene ---

    def now_s(self) -> float:
        """See hub.Scene."""
        return self._monotonic() - self._began

    def drained(self, outage: int, took_s: float) -> None:
        """See hub.Scene."""
        caught = self._outcome.caught[outage]
        caught.drained.add(took_s)
        if len(caught.drained) == caught.hubs and caught.ended_s is not None:
            caught.all_after_s = self.now_s() - caught.ended_s

    def refused(self, hub: Hub, exc: RefusedError) -> None:
        """See hub.Scene. A household that the bridge has never known is not going to be known."""
        if exc.status == _UNAUTHENTIC and not hub.is_admitted:
            hub.is_over = True
            self.gave_up(
                hub, f"the bridge does not know some households, {hub.household.household} first", _WHEN_UNKNOWN
            )
        else:
            self._notice(f"the bridge refuses: {exc}", "docs/bridge-protocol.md, Refusals, says what each code means")

    def gave_up(self, hub: Hub, why: str, change: str) -> None:
        """See hub.Scene."""
        self._outcome.given_up += 1
        log.info("gave_up household=%s", hub.household.household)
        self._notice(why, change)

    # --- the run ---

    async def play(self) -> Outcome:
        """The whole run; what was counted is kept when it is cancelled, too.

        Raises: LedgerError when the merchant's books cannot be read at the start.
        """
        cpu_s = process.cpu_s()
        self._before = frozenset(sale.order_id for sale in await self._read_sales())
        try:
            await self._begin()
            await self._turn(lambda: self.now_s() >= self.plan.duration_s)
            await self._settle()
        except StoppedError as exc:
            self._stop(exc.ended)
            self._notice(str(exc), exc.change)
        except asyncio.CancelledError:
            self._stop("interrupted")
        outcome = self._outcome
        outcome.lasted_s = self.now_s()
        outcome.cpu_s = process.cpu_s() - cpu_s
        outcome.waiting = sum(hub.waiting for hub in self._hubs)
        await self._leave()
        await self._sum_up()
        with suppress(TruthLogError):
            self.truth.flush()
        return outcome

    async def _begin(self) -> None:
        fits = process.raise_file_limit() // CONNECTIONS
        count = min(self.plan.hubs, fits)
        if count < self.plan.hubs:
            self._outcome.given_up += self.plan.hubs - count
            self._notice(
                f"this process may open files for {count} of {self.plan.hubs} hubs; the others stay away",
                "raise its limit (`ulimit -n`, or LimitNOFILE of its unit), or run the rest in another process",
            )
        self._hubs = [Hub(self, index, self._households[index], self._link(index)) for index in range(count)]
        await self._ask_prices()
        self._began = self._monotonic()
        for hub in self._hubs:
            self._at(self.plan.starts_at_s(hub.index), hub.start)
        for number, outage in enumerate(self.plan.outages):
            self._at(outage.at_s, self._black_out, number)

    def _link(self, index: int) -> Link:
        return Link(
            self._bridge,
            household=self._households[index],
            books=self._books,
            is_lost=lambda n: self.plan.is_answer_lost(index, n),
            now_s=self.now_s,
        )

    async def _ask_prices(self) -> None:
        """The first question of all: whether there is a bridge that knows us, and what things cost.

        Raises: StoppedError.
        """
        wanted, link = self._wanted, self._hubs[0].link
        body = price_query(wanted.merchant, delivery_ref=wanted.delivery_ref, skus=wanted.skus)
        try:
            told = await link.ask(Kind.PRICES, PRICES, Prices, body=body)
        except NoAnswerError as exc:
            change = _WHEN_WRONG if "wrong answer" in str(exc) else _WHEN_AWAY
            raise StoppedError("unreachable", f"{self._bridge.url}: {exc}", change) from exc
        except RefusedError as exc:
            change = _WHEN_UNKNOWN if exc.status == _UNAUTHENTIC else "see --merchant, --delivery-ref and --sku"
            raise StoppedError("refused", f"the bridge refuses the first question: {exc}", change) from exc
        lines = tuple(line for line in told.lines if line.available)
        if not lines:
            wanted_skus = ", ".join(wanted.skus)
            raise StoppedError("refused", f"{wanted.merchant} sells nothing of {wanted_skus}", "see --sku")
        self.shop = Shop(wanted.merchant, wanted.delivery_ref, lines)

    def _black_out(self, number: int) -> None:
        caught = self._outcome.caught[number]
        for index, back_s in self.plan.out(number):
            if index < len(self._hubs) and not self._hubs[index].is_over:
                caught.hubs += 1
                self._hubs[index].link.go_out()
                self._at(back_s, self._come_back, number, index)

    def _come_back(self, number: int, index: int) -> None:
        caught, hub = self._outcome.caught[number], self._hubs[index]
        if caught.ended_s is None:
            caught.ended_s = self.now_s()
        caught.owed += hub.waiting
        task = asyncio.get_running_loop().create_task(hub.come_back(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _at(self, at_s: float, call: Callable[..., None], *told: int) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(max(0.0, at_s - self.now_s()), call, *told))

    async def _turn(self, is_done: Callable[[], bool]) -> None:
        """Look after the books until this is done or the run was stopped."""
        second = int(self.now_s())
        while not self._is_over and not is_done():
            await asyncio.sleep(_TICK_S)
            if int(self.now_s()) > second:
                second = int(self.now_s())
                self._each_second(second)

    async def _settle(self) -> None:
        plan = self.plan
        patience_s = self._options.settle_s + plan.hold_s + plan.pauses.retry_s + plan.pauses.poll_s
        before, since_s = (-1, -1, -1), self.now_s()

        def is_settled() -> bool:
            nonlocal before, since_s
            now = (self.tally.accepted, self.tally.events, self.tally.made)
            if now != before:
                before, since_s = now, self.now_s()
            if self.now_s() - since_s > patience_s:
                self._outcome.ended = "unsettled"
                return True
            return all(hub.is_settled for hub in self._hubs)

        await self._turn(is_settled)

    def _each_second(self, second: int) -> None:
        try:
            self.truth.flush()
        except TruthLogError as exc:
            self._notice(f"the truth log cannot be written: {exc}", "make room, or name another place with --truth")
            self._stop("disk_full")
        for reason in self._books.unanswered:
            change = _WHEN_WRONG if "wrong answer" in reason else _WHEN_SILENT
            self._notice(f"requests without an answer: {reason}", change)
        if second % self._every == 0:
            self._sample()

    def _sample(self) -> None:
        tally, recent = self.tally, self._books.recent
        waiting = sum(hub.waiting for hub in self._hubs)
        connected = sum(hub.is_admitted and not hub.link.is_out and not hub.is_over for hub in self._hubs)
        self._outcome.points.append(
            Point(
                at_s=round(self.now_s(), 3),
                connected=connected,
                made=tally.made,
                accepted=tally.accepted,
                ended=tally.ended,
                waiting=waiting,
                latency_p50_s=recent.at_most_s(0.5),
                latency_p99_s=recent.at_most_s(0.99),
                cpu_s=round(process.cpu_s(), 3),
            )
        )
        self._say(
            f"{self.now_s():5.0f} s  connected {connected}/{self.plan.hubs}  made {tally.made}  "
            f"accepted {tally.accepted}  ended {tally.ended}  waiting {waiting}"
        )
        recent.clear()
        if len(self._outcome.points) >= _POINTS_MAX:
            self._outcome.points = self._outcome.points[1::2]
            self._every *= 2

    # --- the end ---

    async def _leave(self) -> None:
        for timer in self._timers:
            timer.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_S):
                await asyncio.gather(*(hub.stop() for hub in self._hubs), *self._tasks, return_exceptions=True)

    async def _sum_up(self) -> None:
        outcome = self._outcome
        outcome.orders = [order for hub in self._hubs for order in hub.orders.values()]
        for order in outcome.orders:
            if order.accepted_at_s is not None:
                outcome.accepted.add(order.accepted_at_s - order.approved_at_s)
        try:
            sales = await self._read_sales()
        except LedgerError as exc:
            self._notice(str(exc), "what the bridge told is counted all the same")
        else:
            if self._options.sales is not None:
                outcome.verdict = judge(outcome.orders, [each for each in sales if each.order_id not in self._before])
        outcome.notices = tuple(self._notices)

    async def _read_sales(self) -> list[Sale]:
        return [] if self._options.sales is None else await asyncio.to_thread(self._options.sales)

    def _stop(self, ended: str) -> None:
        self._is_over = True
        self._outcome.ended = ended

    def _notice(self, what: str, change: str) -> None:
        tally = self.tally
        reached = f"{tally.admitted} of {self.plan.hubs} hubs admitted, {tally.accepted} orders accepted"
        self._notices.add(what, change, at_s=self.now_s(), reached=reached)
