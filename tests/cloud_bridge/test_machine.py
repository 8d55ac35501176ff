"""Any order of orders, cancels, price moves, faults, deaths and waiting: never two orders, none without leave.

A Hypothesis state machine drives worker, tracker and store over our model merchant, whose ledger is the judge.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cloud_bridge.core.order import PLACING, cancel
from cloud_bridge.core.outcome import Progress
from cloud_bridge.merchants.simulated import Fault, Shelf, SimulatedMerchant
from cloud_bridge.ports import CrashHook, CrashPoint, no_crash
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import Intent, OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, HandClock, Killed, Rig, Signer, accept

S = OrderState
ENDED_WITHOUT = {S.REJECTED, S.CANCELLED, S.EXPIRED}
BOUGHT = {S.PLACED, S.SHIPPED, S.DELIVERED}
REQUESTS = st.sampled_from(["place", "get", "cancel", "open", "events"])
FAULTS = st.lists(st.tuples(REQUESTS, st.sampled_from(list(Fault))), max_size=4)
DEATHS = st.lists(st.sampled_from(list(CrashPoint)), max_size=3)


class Bridge(RuleBasedStateMachine):
    """Each intent asks for a product of its own, so that the ledger says which intent an order is for."""

    hit: ClassVar[Counter[CrashPoint]] = Counter()  # over all examples: every crash point must have been passed

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'b.sqlite3'}").open()
        self.merchant = SimulatedMerchant({}, reprices=True)
        self.rig = Rig(SqlOrderStore(self.database), HandClock(), Signer(), self.merchant)
        self.intents: dict[str, Intent] = {}
        self.cancelled: set[str] = set()
        self.faults: list[tuple[str, Fault]] = []
        self.merchant.faults = self._fault

    def teardown(self) -> None:
        """Whatever happened: once the faults stop, every order ends, and the books agree."""
        self.faults.clear()
        self._run(self.rig.store.resume(now=self.rig.clock.now()))
        self._run(self.rig.place(rounds_max=400))
        for sku, intent in self.intents.items():
            order: Any = self._run(self.rig.store.find(HOUSEHOLD, intent.terms.intent_id))
            sold = [each for each in self.merchant.ledger if each.sku == sku]
            assert order.state in ENDED_WITHOUT | BOUGHT, order
            assert (order.state in BOUGHT) == bool(sold), order
            assert [each.order_id for each in sold] == ([order.merchant_order_id] if sold else [])
        self.database.close()
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def first(self) -> None:
        """There is something to do from the beginning."""
        self.approve(quantity=2, hold_s=0)

    @rule(quantity=st.integers(1, 3), hold_s=st.sampled_from([0, 120]))
    def approve(self, quantity: int, hold_s: int) -> None:
        """A new intent for a new product."""
        sku = f"sku-{len(self.intents)}"
        self.merchant.shelves[sku] = Shelf(sku, 100, 5)
        total = 100 * quantity + 500
        signed = self.rig.signer.intent(
            sku=sku,
            quantity=quantity,
            unit_price_minor=100,
            total_minor=total,
            total_max_minor=total + 50,
            hold_s=hold_s,
            offer_expires_at=self.rig.clock.now().replace(microsecond=0) + (self._offer_life()),
        )
        self.intents[sku] = self._run(accept(self.rig, signed))

    @precondition(lambda self: self.intents)
    @rule(which=st.integers(0, 9), price_minor=st.sampled_from([90, 100, 110, 300]), stock=st.sampled_from([0, 5]))
    def reprice(self, which: int, price_minor: int, stock: int) -> None:
        """The merchant changes its mind."""
        sku = f"sku-{which % len(self.intents)}"
        self.merchant.shelves[sku] = Shelf(sku, price_minor, stock)

    @precondition(lambda self: self.intents)
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        """The household changes its mind."""
        sku = f"sku-{which % len(self.intents)}"
        now, intent_id = self.rig.clock.now(), self.intents[sku].terms.intent_id
        order, changed = self._run(self.rig.store.amend(HOUSEHOLD, intent_id, lambda order: cancel(order, now=now)))
        if changed:
            assert order.state is S.CANCELLED
            self.cancelled.add(sku)

    @rule(pays=st.booleans())
    def payment(self, pays: bool) -> None:
        """The token works, or does not."""
        self.merchant.pays = pays

    @rule(seconds=st.sampled_from([1, 30, 120, 600, 7_200, 50_000]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.rig.clock.pass_(seconds=seconds)

    @precondition(lambda self: self.intents)
    @rule(faults=FAULTS, deaths=DEATHS, rounds=st.integers(1, 6), in_time=st.booleans())
    def work(self, faults: list[tuple[str, Fault]], deaths: list[CrashPoint], rounds: int, in_time: bool) -> None:
        """Rounds of worker and tracker, with faults and deaths; `in_time`: whenever something is due, at once."""
        self.faults[:] = faults
        self.rig.crash = self._dying(deaths)
        for _ in range(rounds):
            due = self._run(self.rig.store.next_due(PLACING))
            if in_time and due is not None:
                self.rig.clock.at = max(self.rig.clock.at, due)
            self._one_round()
            self.one_order_at_the_most_and_inside_the_leave()
        self.rig.crash = no_crash
        self.faults.clear()

    def _fault(self, request: str) -> Fault | None:
        """Each planned fault meets the next request of its kind, once."""
        planned = next((each for each in self.faults if each[0] == request), None)
        if planned is None:
            return None
        self.faults.remove(planned)
        return planned[1]

    def _dying(self, deaths: list[CrashPoint]) -> CrashHook:
        left = list(deaths)

        def hook(point: CrashPoint) -> None:
            self.hit[point] += 1
            if left and point is left[0]:
                raise Killed(left.pop(0))

        return hook

    def _one_round(self) -> None:
        try:
            self._run(self.rig.placing.run_once())
            self._run(self.rig.following.run_once())
        except BaseExceptionGroup as group:
            if group.subgroup(Killed) is None:
                raise
            self._run(self.rig.store.resume(now=self.rig.clock.now()))

    @precondition(lambda self: self.merchant.ledger)
    @rule(which=st.integers(0, 9), progress=st.sampled_from([Progress.SHIPPED, Progress.DELIVERED]))
    def parcel(self, which: int, progress: Progress) -> None:
        """A parcel moves, or is said to have moved back."""
        self.merchant.progress[self.merchant.ledger[which % len(self.merchant.ledger)].order_id] = progress

    @invariant()
    def one_order_at_the_most_and_inside_the_leave(self) -> None:
        """For each intent one order, of its quantity, under its ceiling; none for a cancelled one."""
        for sku, intent in self.intents.items():
            sold = [each for each in self.merchant.ledger if each.sku == sku]
            assert len(sold) <= (0 if sku in self.cancelled else 1)
            for each in sold:
                assert each.quantity == intent.terms.quantity
                assert each.total_minor <= intent.terms.total_max_minor

    def _offer_life(self) -> Any:  # noqa: ANN401  a timedelta
        return self.rig.signer.intent().terms.offer_expires_at - HandClock().at

    def _run(self, work: Any) -> Any:  # noqa: ANN401  any coroutine
        return self.runner.run(work)


def test_any_order_of_events_leaves_one_order_for_one_leave() -> None:
    """The machine holds, and has passed every crash point that there is."""
    Bridge.hit.clear()
    run_state_machine_as_test(
        Bridge,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert set(Bridge.hit) == set(CrashPoint), Bridge.hit
