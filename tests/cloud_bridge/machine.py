"""Any order of orders, cancels, verdicts, price moves, hostile answers, deaths, forks and waiting.

A Hypothesis state machine drives door, worker, tracker and store over one model merchant of each class. After every
step the merchants' true ledgers are the judge of the invariants I1, I3, I10, I11, I12, I14 and I15.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar, TypeVar, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import Connection, Row, select

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.keys import order_key
from cloud_bridge.core.order import CLOSING, IN_DOUBT, PLACING, Attempt, Detail, OrderRecord, is_followed, route
from cloud_bridge.core.outcome import Followed, Hint, Progress
from cloud_bridge.errors import ForkedError, HouseholdFrozenError, MandateRefusedError, StaleClaimError
from cloud_bridge.merchants.capabilities import SIMULATED
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant, Sold
from cloud_bridge.merchants.simulated_modes import Mode, Plan, nothing_wrong, seeded_plan
from cloud_bridge.ports import CrashHook, CrashPoint, no_crash
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.store.rows import to_attempt, to_order
from cloud_bridge.store.tables import attempts, orders
from cloud_bridge.wire import Intent, OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, HandClock, Killed, Rig, Signer

S = OrderState
BOUGHT = {S.PLACED, S.SHIPPED, S.PARTLY_DELIVERED, S.DELIVERED, S.NEVER_ARRIVED, S.RETURNED, S.REFUNDED}
NAMES = {MerchantClass.A: MERCHANT, MerchantClass.B: "baker", MerchantClass.C: "corner"}
SHARES = st.sampled_from([0.5, 0.2, 0.8, 0.0])  # of the requests, that meet a fault
DEATHS = st.lists(st.sampled_from(list(CrashPoint)), min_size=1, max_size=3)
ROUNDS = st.integers(3, 9)
WHICH = st.integers(0, 9)
COUNTS = st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3))  # packs that came, and went back
REFUNDS = st.integers(0, 2)  # halves of the charge
EVERY_ATTEMPT = select(attempts).order_by(attempts.c.n)
EVERY_ORDER = select(orders)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Seen:
    """What the store holds of one order."""

    order: OrderRecord
    attempts: tuple[Attempt, ...]


class OnThisThread(Database):
    """The store of one example, which nobody else waits for; a transaction lets others go on before it begins."""

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """The real transaction, without a change of threads."""
        await asyncio.sleep(0)
        return self._transact(work)


class Bridge(RuleBasedStateMachine):
    """Each intent asks for a product of its own; `died` and `met` count over all examples."""

    died: ClassVar[Counter[CrashPoint]] = Counter()
    met: ClassVar[Counter[Mode]] = Counter()
    migrated: ClassVar[Path]  # an empty store, copied for every example

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "bridge.sqlite3"
        shutil.copy(self.migrated, file)
        self.database = OnThisThread(f"sqlite:///{file}").open()
        self.clock = HandClock()
        self.merchants = {NAMES[kind]: self._merchant(kind) for kind in MerchantClass}
        others = {name: merchant for name, merchant in self.merchants.items() if name != MERCHANT}
        store = SqlOrderStore(self.database)
        self.rig = Rig(store, self.clock, Signer(), self.merchants[MERCHANT], others=others)
        self.intents: dict[str, Intent] = {}
        self.faults: Plan = nothing_wrong
        self.before: Mapping[str, Seen] = {}
        self.read: dict[object, object] = {}  # what a row of the store says, by the whole row
        self.frozen = False

    def _merchant(self, kind: MerchantClass) -> SimulatedMerchant:
        capability = replace(SIMULATED, merchant_class=kind)
        return SimulatedMerchant(
            {},
            reprices=True,
            faults=lambda request: self.faults(request),  # noqa: PLW0108  every step has another plan
            capability=capability,
            now=self.clock.now,
        )

    def teardown(self) -> None:
        """Whatever happened: once faults stop and a person has looked, every order ends and the books agree."""
        self.faults = nothing_wrong
        if self.intents:
            self._run(self.rig.store.thaw(HOUSEHOLD))
            self._run(self.rig.store.resume(now=self.clock.now()))
            self._run(self.rig.place(rounds_max=400))
            for which in range(len(self.intents)):
                self._settle(which, named=True)
            self._run(self.rig.place(rounds_max=400))
            for intent_id, seen in self._look().items():
                self._check_end(seen.order, self._sold(intent_id))
        for merchant in self.merchants.values():
            self.met.update(merchant.met)
        self.database.close()
        self.runner.close()
        self.folder.cleanup()

    def _check_end(self, order: OrderRecord, sold: list[Sold]) -> None:
        assert order.state in CLOSING | BOUGHT, order
        assert (order.state in BOUGHT or is_followed(order)) == bool(sold), order
        unnamed = order.detail == Detail.SETTLED_BY_HOUSEHOLD and order.merchant_order_id is None
        assert unnamed or [each.order_id for each in sold] == ([order.merchant_order_id] if sold else [])
        assert order.state in BOUGHT or is_followed(order) or order.due_at is None
        if order.state in CLOSING and not is_followed(order):
            assert order.session_id not in self.merchants[order.merchant].open_sessions()

    @initialize(seed=st.integers(1, 2**32))
    def first(self, seed: int) -> None:
        """There is something to do from the beginning; class C can be asked in every other life."""
        self.rng = Random(seed)
        corner = self.merchants[NAMES[MerchantClass.C]]
        corner.capability = replace(corner.capability, shows_orders=bool(seed % 2))
        for kind in MerchantClass:
            self.approve(kind=kind, quantity=2, hold_s=0, draw=False)

    @rule(
        kind=st.sampled_from(MerchantClass),
        quantity=st.integers(1, 3),
        hold_s=st.sampled_from([0, 120]),
        draw=st.booleans(),
    )
    def approve(self, kind: MerchantClass, quantity: int, hold_s: int, draw: bool) -> None:
        """A new intent for a new product; a mandate may not draw at class C, and nothing is taken while frozen."""
        signed = self._signed(kind, quantity=quantity, hold_s=hold_s, leave="draw" if draw else "approval")
        if draw and kind is MerchantClass.C:
            with pytest.raises(MandateRefusedError):
                self._run(self.rig.intake.accept(signed, caller=HOUSEHOLD))
        elif self.frozen:
            with pytest.raises(HouseholdFrozenError):
                self._run(self.rig.intake.accept(signed, caller=HOUSEHOLD))
        else:
            self._run(self.rig.intake.accept(signed, caller=HOUSEHOLD))
            self.intents[signed.terms.intent_id] = signed

    def _signed(self, kind: MerchantClass, *, quantity: int, **changes: object) -> Intent:
        sku = f"sku-{kind.value}-{len(self.intents)}"
        self.merchants[NAMES[kind]].shelves[sku] = Shelf(sku, 100, 5)
        total = 100 * quantity + 500
        terms = {"unit_price_minor": 100, "total_minor": total, "total_max_minor": total + 50, "quantity": quantity}
        offer = {"sku": sku, "merchant": NAMES[kind], "offer_expires_at": self.clock.now() + timedelta(days=3)}
        return self.rig.signer.intent(**terms, **offer, **changes)

    @precondition(lambda self: self.intents and not self.frozen)
    @rule(which=WHICH)
    def fork(self, which: int) -> None:
        """A copy of the hub uses a number again: nothing is taken, and the household is frozen."""
        used = self._nth(which).terms.handover
        signed = self._signed(MerchantClass.A, quantity=1, handover=used)
        with pytest.raises(ForkedError):
            self._run(self.rig.intake.accept(signed, caller=HOUSEHOLD))
        self.frozen = True

    @precondition(lambda self: self.frozen)
    @rule()
    def thaw(self) -> None:
        """The operator has looked."""
        assert self._run(self.rig.store.thaw(HOUSEHOLD))
        self.frozen = False

    @precondition(lambda self: self.intents)
    @rule(which=WHICH, price_minor=st.sampled_from([90, 100, 110, 300]), stock=st.sampled_from([0, 5]))
    def reprice(self, which: int, price_minor: int, stock: int) -> None:
        """The merchant changes its mind."""
        terms = self._nth(which).terms
        self.merchants[terms.merchant].shelves[terms.sku] = Shelf(terms.sku, price_minor, stock)

    @precondition(lambda self: self.intents)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        """The household changes its mind: free in the hold, refused afterwards."""
        intent_id = self._nth(which).terms.intent_id
        was = self.before[intent_id].order.state
        receipt = self._run(self.rig.intake.cancel(intent_id, caller=HOUSEHOLD))
        assert receipt.cancelled == (was in {S.HELD, S.CANCELLED})

    @precondition(lambda self: self.intents)
    @rule(which=WHICH, named=st.booleans(), dies=st.booleans())
    def settle(self, which: int, named: bool, dies: bool) -> None:
        """A person has looked at the merchant, and says what is there."""
        intent_id = self._nth(which).terms.intent_id
        was = self.before[intent_id].order.state
        self.rig.crash = self._dying([CrashPoint.SETTLED] if dies else [])
        self._settle(which, named=named)
        self.rig.crash = no_crash
        now = self._look()[intent_id].order.state
        assert now in ({S.PLACED, S.REJECTED} if was in IN_DOUBT else {was})

    def _settle(self, which: int, *, named: bool) -> None:
        intent_id = self._nth(which).terms.intent_id
        sold = self._sold(intent_id)
        order_id = sold[0].order_id if sold and named else None
        said = {"said_at": self.clock.now(), "found": bool(sold), "merchant_order_id": order_id}
        signed = self.rig.signer.settlement(intent_id, **said)  # type: ignore[arg-type]
        try:
            self._run(self.rig.intake.settle(signed, intent_id=intent_id, caller=HOUSEHOLD))
        except Killed:
            self._run(self.rig.store.resume(now=self.clock.now()))

    @rule(pays=st.booleans())
    def payment(self, pays: bool) -> None:
        """The token works, or does not."""
        for merchant in self.merchants.values():
            merchant.pays = pays

    @rule(seconds=st.sampled_from([1, 30, 120, 600, 7_200, 50_000]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.pass_(seconds=seconds)

    @rule(rounds=ROUNDS, in_time=st.booleans())
    def calm(self, rounds: int, in_time: bool) -> None:
        """Nothing goes wrong for a while."""
        self._work(share=0.0, deaths=[], rounds=rounds, in_time=in_time)

    @rule(share=SHARES, rounds=ROUNDS, in_time=st.booleans())
    def storm(self, share: float, rounds: int, in_time: bool) -> None:
        """The merchants are at their worst."""
        self._work(share=share, deaths=[], rounds=rounds, in_time=in_time)

    @rule(share=SHARES, deaths=DEATHS, rounds=ROUNDS)
    def die(self, share: float, deaths: list[CrashPoint], rounds: int) -> None:
        """The bridge dies and starts again, with merchants as they are."""
        self._work(share=share, deaths=deaths, rounds=rounds, in_time=True)

    @rule(seconds=st.sampled_from([120, 7_200, 50_000, 300_000]))
    def sleep(self, seconds: int) -> None:
        """The bridge is down for a while, and comes back."""
        self.clock.pass_(seconds=seconds)
        self._work(share=0.0, deaths=[], rounds=2, in_time=False)

    def _work(self, *, share: float, deaths: list[CrashPoint], rounds: int, in_time: bool) -> None:
        """Rounds of worker and tracker; `in_time`: whenever something is due, at once."""
        self.faults = seeded_plan(self.rng, share=share)
        self.rig.crash = self._dying(deaths)
        for _ in range(rounds):
            due = self._run(self.rig.store.next_due(PLACING))
            if in_time and due is not None:
                self.clock.at = max(self.clock.at, due)
            worked = self._one_round()
            self.the_books_agree()
            if not worked:
                break  # nothing is due, and no time passes: every further round would be this one
        self.rig.crash = no_crash
        self.faults = nothing_wrong

    @precondition(lambda self: self.intents)
    @rule()
    def sleeper(self) -> None:
        """A worker that slept past its lease may write no more."""
        first = self._claim()
        self.clock.pass_(minutes=6)
        second = {order.intent_id: order for order in self._claim()}
        for slept in first:
            taken = second.get(slept.intent_id)
            assert taken is None or taken.epoch > slept.epoch
            if taken is not None:
                with pytest.raises(StaleClaimError):
                    self._run(self.rig.worker.step(slept))
        self._run(self.rig.store.resume(now=self.clock.now()))

    def _claim(self) -> tuple[OrderRecord, ...]:
        now = self.clock.now()
        claimed: tuple[OrderRecord, ...] = self._run(
            self.rig.store.claim({S.UNKNOWN, S.SENDING}, now=now, lease_until=now + timedelta(minutes=5), limit=4)
        )
        return claimed

    @precondition(lambda self: any(merchant.ledger for merchant in self.merchants.values()))
    @rule(which=WHICH, progress=st.sampled_from(Progress), counts=COUNTS, refunded=REFUNDS)
    def parcel(self, which: int, progress: Progress, counts: tuple[int | None, int | None], refunded: int) -> None:
        """A parcel moves, or is said to have moved back; goods and money go back; its webhook comes, or is lost."""
        sold = [(name, each) for name, merchant in self.merchants.items() for each in merchant.ledger]
        name, moved = sold[which % len(sold)]
        delivered, returned = counts
        paid_back = moved.total_minor * refunded // 2
        told = Followed(progress, delivered=delivered, returned=returned, refunded_minor=paid_back or None)
        self.merchants[name].told[moved.order_id] = told
        hint = Hint(None, moved.order_id)
        self._run(self.rig.store.take_hint(name, hint, digest=f"{moved.order_id}{progress}", now=self.clock.now()))

    @invariant()
    def the_books_agree(self) -> None:
        """What the store says and what the merchants have sold, compared after every step."""
        now = self._look()
        for name, merchant in self.merchants.items():
            for sold in merchant.ledger:
                intent_id = next(
                    each for each, seen in now.items() if order_key(seen.order.body_sha256) == sold.reference
                )
                self._check_authority(name, sold, now[intent_id])
        for intent_id, seen in now.items():
            sold_now = self._sold(intent_id)
            assert len(sold_now) <= 1, ("I1", seen.order)
            assert not (seen.order.state in CLOSING and sold_now and not is_followed(seen.order)), ("I10", seen.order)
            assert not (seen.order.state in BOUGHT and not sold_now), ("I10", seen.order)
            self._check_attempts(seen)
            if intent_id in self.before:
                self._check_progress(self.before[intent_id], seen)
        self.before = now

    def _check_authority(self, name: str, sold: Sold, seen: Seen) -> None:
        terms = self.intents[seen.order.intent_id].terms
        ordered = (name, sold.sku, sold.quantity, sold.currency, sold.delivery_ref)
        assert ordered == (terms.merchant, terms.sku, terms.quantity, terms.currency, terms.delivery_ref), "I3"
        assert sold.total_minor <= terms.total_max_minor, "I3"
        assert seen.attempts, "I3"
        assert seen.attempts[0].dispatched_at <= sold.at, "I3"

    def _check_attempts(self, seen: Seen) -> None:
        assert len({attempt.key for attempt in seen.attempts}) <= 1, "I10"
        assert len({attempt.body_sha256 for attempt in seen.attempts}) <= 1, "I11"
        assert seen.order.terms.merchant != NAMES[MerchantClass.C] or len(seen.attempts) <= 1, "class C is sent once"
        if seen.attempts:
            half = SIMULATED.key_life / 2
            assert seen.attempts[-1].dispatched_at < seen.attempts[0].dispatched_at + half, "I12"

    def _check_progress(self, was: Seen, now: Seen) -> None:
        assert now.order.epoch >= was.order.epoch, "I14"
        assert now.order.version >= was.order.version, "I15"
        start, goal = was.order.state, now.order.state
        may_go_on = start not in CLOSING or is_followed(was.order)
        assert start is goal or (may_go_on and route(start, goal) is not None), ("I15", start, goal)
        for name in ("delivered_quantity", "returned_quantity", "refunded_minor"):
            assert (getattr(was.order, name) or 0) <= (getattr(now.order, name) or 0), ("a count fell", now.order)
        assert len(now.attempts) == len(was.attempts) or not self.frozen, "nothing is sent for a frozen household"

    def _dying(self, deaths: list[CrashPoint]) -> CrashHook:
        left = list(deaths)

        def hook(point: CrashPoint) -> None:
            if left and point is left[0]:
                self.died[point] += 1
                raise Killed(left.pop(0))

        return hook

    def _one_round(self) -> bool:
        """Worker and tracker take what is due; whether there was anything, or a death."""
        try:
            placed = self._run(self.rig.placing.run_once())
            followed = self._run(self.rig.following.run_once())
        except BaseExceptionGroup as group:
            if group.subgroup(Killed) is None:
                raise
            self._run(self.rig.store.resume(now=self.clock.now()))
            return True
        return bool(placed or followed)

    def _nth(self, which: int) -> Intent:
        return list(self.intents.values())[which % len(self.intents)]

    def _sold(self, intent_id: str) -> list[Sold]:
        terms = self.intents[intent_id].terms
        return [sold for sold in self.merchants[terms.merchant].ledger if sold.sku == terms.sku]

    def _look(self) -> Mapping[str, Seen]:
        def work(connection: Connection) -> Mapping[str, Seen]:
            found: dict[str, list[Attempt]] = {}
            for row in connection.execute(EVERY_ATTEMPT):
                found.setdefault(row.intent_id, []).append(self._read(row, to_attempt))
            standing = [self._read(row, to_order) for row in connection.execute(EVERY_ORDER)]
            return {each.intent_id: Seen(each, tuple(found.get(each.intent_id, ()))) for each in standing}

        seen: Mapping[str, Seen] = self._run(self.database.transact(work))
        return seen

    def _read(self, row: Row[Any], reader: Callable[[Row[Any]], Result]) -> Result:
        """What a row says: the same for as long as every column is the same."""
        kind = (reader, tuple(row))
        if kind not in self.read:
            self.read[kind] = reader(row)
        return cast("Result", self.read[kind])

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  whatever it returns
        return self.runner.get_loop().run_until_complete(work)
