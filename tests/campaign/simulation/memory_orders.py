"""The bridge's orders in memory: `ports.OrderStore` without a database, for worlds with very many orders.

`Books` is what is durable; `MemoryOrders` is the hold that one process has on it. Each call is one transaction: it
happens whole, at once, between the two times that it gives way. A test compares it with the real store, call by call.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cloud_bridge.core.following import FACTS
from cloud_bridge.core.order import FOLLOWING, ON_ITS_WAY, PLACING, Attempt, Change, OrderRecord, Said
from cloud_bridge.core.outcome import Hint
from cloud_bridge.errors import (
    BehindError,
    ForkedError,
    HouseholdFrozenError,
    MerchantOrderTakenError,
    StaleClaimError,
    WithdrawnError,
)
from cloud_bridge.ports import NOBODY, Figures, Report, ReportLine
from cloud_bridge.wire import Head, KnownIntent, OrderEvent, OrderState

HEAD_MAX = 100
CLAIMED_AT_ONCE = 64
Key = tuple[str, str]
Watch = Callable[[OrderRecord, Change], None]
Accepts = Callable[[OrderRecord], None]
GiveWay = Callable[[], Awaitable[None]]


def _unwatched(before: OrderRecord, change: Change) -> None:
    """Nobody looks."""


def _unseen(order: OrderRecord) -> None:
    """Nobody looks."""


async def _at_once() -> None:
    """Do not give way."""


def fence_holds(stored: OrderRecord, change: Change, *, epoch: int, lease_now: datetime | None) -> bool:
    """Whether the change was made from the row as it stands, by whoever claimed it last, whose lease must still run."""
    if lease_now is not None and not _runs(stored, lease_now):
        return False
    return stored.epoch == epoch and stored.version == change.after.version - 1


@dataclass(slots=True)
class Books:
    """Everything durable. `watch` sees each change before it is made, `accepts` each new order.

    `server_now` is the clock by which leases run where several bridges share the books; None for a bridge of its own.
    """

    server_now: Callable[[], datetime] | None = None
    orders: dict[Key, OrderRecord] = field(default_factory=dict)
    attempts: dict[Key, dict[int, Attempt]] = field(default_factory=dict)
    events: dict[str, list[OrderEvent]] = field(default_factory=dict)
    taken: dict[tuple[str, str], Key] = field(default_factory=dict)
    hints: set[tuple[str, str]] = field(default_factory=set)
    numbers: dict[tuple[str, str, int], str] = field(default_factory=dict)
    last: dict[tuple[str, str], int] = field(default_factory=dict)  # the highest number of each hub
    frozen: set[str] = field(default_factory=set)
    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    watch: Watch = _unwatched
    accepts: Accepts = _unseen
    handovers: dict[str, dict[int, list[str]]] = field(default_factory=dict)  # intents of a household by number
    _due: dict[bool, list[tuple[datetime, int, Key]]] = field(default_factory=lambda: {True: [], False: []})
    _pushed: int = 0

    def put(self, order: OrderRecord) -> None:
        """Write a row, and remember when it is due."""
        key = (order.household, order.intent_id)
        self.orders[key] = order
        due = claimable_at(order)
        if due is not None and (order.state in PLACING or order.state in FOLLOWING):
            self._pushed += 1
            heapq.heappush(self._due[order.state in PLACING], (due, self._pushed, key))

    def write(self, change: Change, *, epoch: int) -> None:
        """Make one change, whole or not at all.

        Raises: StaleClaimError, MerchantOrderTakenError.
        """
        after = change.after
        key = (after.household, after.intent_id)
        stored = self.orders.get(key)
        starts = change.attempt is not None and change.attempt.finished_at is None
        lease_now = self.server_now() if starts and self.server_now is not None else None
        if stored is None or not fence_holds(stored, change, epoch=epoch, lease_now=lease_now):
            raise StaleClaimError(f"order {after.intent_id} was changed by somebody else")
        if starts and after.household in self.frozen:
            raise HouseholdFrozenError(after.household)
        if after.merchant_order_id is not None:
            holder = self.taken.setdefault((after.merchant, after.merchant_order_id), key)
            if holder != key:
                raise MerchantOrderTakenError(f"order {after.intent_id}: its merchant order belongs to another")
        self.watch(stored, change)
        if change.attempt is not None:
            self.attempts.setdefault(key, {})[change.attempt.n] = change.attempt
        self.put(after if after.lease_until in {None, stored.lease_until} else _leased(after, stored.lease_until))
        self.tell(after, change.said)

    def take(self, order: OrderRecord, *, head: int | None = None) -> OrderRecord:
        """Take a new order, or give back the one that has this id.

        Raises: ForkedError, which freezes the household; BehindError; HouseholdFrozenError; WithdrawnError.
        """
        known = self.orders.get((order.household, order.intent_id))
        if known is not None:
            return known
        if (order.household, order.intent_id) in self.withdrawn:
            raise WithdrawnError(order.intent_id)
        if order.household in self.frozen:
            raise HouseholdFrozenError(order.household)
        number = (order.household, order.terms.hub, order.terms.handover)
        if self.numbers.get(number, order.intent_id) != order.intent_id:
            self.frozen.add(order.household)
            raise ForkedError(f"number {order.terms.handover} stands for another intent")
        last = self.last.get(number[:2], 0)
        if head is not None and last > head:
            raise BehindError(f"number {last} is above {head}")
        self.numbers[number] = order.intent_id
        self.last[number[:2]] = max(last, order.terms.handover)
        self.accepts(order)
        self.put(order)
        self.handovers.setdefault(order.household, {}).setdefault(order.terms.handover, []).append(order.intent_id)
        self.tell(order, (Said(order.state, None),))
        return order

    def thaw(self, household: str) -> bool:
        """Let the household order again; False where it was not frozen."""
        was_frozen = household in self.frozen
        self.frozen.discard(household)
        return was_frozen

    def tell(self, order: OrderRecord, said: tuple[Said, ...]) -> None:
        """Add what the household is told."""
        told = self.events.setdefault(order.household, [])
        for each in said:
            told.append(
                OrderEvent.model_construct(
                    seq=len(told) + 1,
                    intent_id=order.intent_id,
                    state=each.state,
                    at=order.changed_at,
                    merchant_order_id=order.merchant_order_id,
                    total_minor=order.total_minor,
                    currency=order.currency,
                    detail=each.detail,
                    handoff_url=order.handoff_url if each.state is order.state else None,
                    **{name: getattr(order, name) for name in FACTS},
                )
            )

    def due(self, states: Collection[OrderState], *, until: datetime) -> list[OrderRecord]:
        """Orders in these states that can be claimed by `until`, the longest waiting first."""
        heap = self._due[not PLACING.isdisjoint(states)]
        found: dict[Key, OrderRecord] = {}
        back = []
        while heap and heap[0][0] <= until:
            entry = heapq.heappop(heap)
            order = self.orders[entry[2]]
            if entry[2] in found or claimable_at(order) != entry[0]:
                continue  # the row has moved on since
            back.append(entry)
            if order.state in states:
                found[entry[2]] = order
        for entry in back:
            heapq.heappush(heap, entry)
        return list(found.values())

    def next_due(self, states: Collection[OrderState], *, full: Collection[str]) -> datetime | None:
        """When the first order in these states, of a merchant that is not `full`, can be claimed."""
        heap = self._due[not PLACING.isdisjoint(states)]
        back, found = [], None
        while heap and found is None:
            entry = heapq.heappop(heap)
            order = self.orders[entry[2]]
            if claimable_at(order) != entry[0]:
                continue  # the row has moved on since
            back.append(entry)
            if order.state in states and order.merchant not in full:
                found = entry[0]
        for entry in back:
            heapq.heappush(heap, entry)
        return found


def claimable_at(order: OrderRecord) -> datetime | None:
    """When an order is due and nobody holds it."""
    if order.due_at is None or order.lease_until is None:
        return order.due_at
    return max(order.due_at, order.lease_until)


class MemoryOrders:
    """Fulfils `ports.OrderStore` over `Books`. `give_way` is awaited before and after each transaction."""

    def __init__(self, books: Books, *, give_way: GiveWay = _at_once) -> None:
        self._books = books
        self._give_way = give_way

    async def accept(self, order: OrderRecord, *, head: int | None = None) -> OrderRecord:
        """Take a new order and tell its household, or answer with the one that has this id already."""
        await self._give_way()
        taken = self._books.take(order, head=head)
        await self._give_way()
        return taken

    async def find(self, household: str, intent_id: str) -> OrderRecord | None:
        """One order."""
        await self._give_way()
        return self._books.orders.get((household, intent_id))

    async def withdraw(self, household: str, intent_id: str, *, now: datetime) -> bool:
        """Note that an intent which is not here shall never be taken; False where it is here."""
        del now
        await self._give_way()
        if (household, intent_id) in self._books.orders:
            return False
        self._books.withdrawn.add((household, intent_id))
        return True

    async def attempts(self, order: OrderRecord) -> tuple[Attempt, ...]:
        """The order's attempts, oldest first."""
        await self._give_way()
        return tuple(self._books.attempts.get((order.household, order.intent_id), {}).values())

    async def claim(
        self,
        states: Collection[OrderState],
        *,
        now: datetime,
        lease_until: datetime,
        limit: int,
        busy: Mapping[str, int] = NOBODY,
    ) -> tuple[OrderRecord, ...]:
        """Take due orders that nobody holds, up to `limit` of each merchant less those that `busy` counts there."""
        await self._give_way()
        lease_now = now if self._books.server_now is None else self._books.server_now()
        held, found = dict(busy), []
        for order in self._books.due(states, until=max(now, lease_now)):
            if order.due_at is None or order.due_at > now or _runs(order, lease_now):
                continue
            if held.setdefault(order.merchant, 0) < limit and len(found) < CLAIMED_AT_ONCE:
                held[order.merchant] += 1
                found.append(order)
        claimed = tuple(replace(order, epoch=order.epoch + 1, lease_until=lease_until) for order in found)
        kept_until = lease_now + (lease_until - now)
        for order in claimed:
            self._books.put(order if kept_until == lease_until else _leased(order, kept_until))
        await self._give_way()
        return claimed

    async def next_due(self, states: Collection[OrderState], *, full: Collection[str] = ()) -> datetime | None:
        """When the next order in these states is due or its lease ends; orders of merchants in `full` do not count."""
        await self._give_way()
        return self._books.next_due(states, full=full)

    async def apply(self, change: Change) -> OrderRecord:
        """Make one change.

        Raises: StaleClaimError, MerchantOrderTakenError; nothing is written then.
        """
        await self._give_way()
        self._books.write(change, epoch=change.after.epoch)
        await self._give_way()
        return change.after

    async def amend(
        self, household: str, intent_id: str, decide: Callable[[OrderRecord], Change | None]
    ) -> tuple[OrderRecord, bool] | None:
        """Read, decide and write in one transaction, taking any claim away; None where there is no such order."""
        return await self.settle(household, intent_id, lambda order, _: decide(order))

    async def settle(
        self, household: str, intent_id: str, decide: Callable[[OrderRecord, Sequence[Attempt]], Change | None]
    ) -> tuple[OrderRecord, bool] | None:
        """As `amend`, for a decision that looks at the attempts, too."""
        await self._give_way()
        order = self._books.orders.get((household, intent_id))
        attempts = tuple(self._books.attempts.get((household, intent_id), {}).values())
        change = None if order is None else decide(order, attempts)
        if order is None or change is None:
            return None if order is None else (order, False)
        taken = replace(change, after=replace(change.after, epoch=order.epoch + 1))
        self._books.write(taken, epoch=order.epoch)
        await self._give_way()
        return taken.after, True

    async def is_frozen(self, household: str) -> bool:
        """Whether nothing may be sent for this household."""
        await self._give_way()
        return household in self._books.frozen

    async def head(self, household: str, *, after: int, now: datetime) -> Head:
        """How far the bridge has come with this household, and its intents with a higher number than `after`."""
        await self._give_way()
        mine = self._books.handovers.get(household, {})
        newer = [ident for number in sorted(mine) if number > after for ident in mine[number]]
        return Head(
            at=now,
            handover=max(mine, default=0),
            event_seq=len(self._books.events.get(household, [])),
            frozen=household in self._books.frozen,
            intents=tuple(_known(self._books.orders[household, ident]) for ident in newer[:HEAD_MAX]),
        )

    async def events_after(self, household: str, *, after: int, limit: int) -> tuple[OrderEvent, ...]:
        """This household's events with a higher seq, oldest first."""
        await self._give_way()
        return tuple(self._books.events.get(household, [])[after : after + limit])

    async def take_hint(
        self, merchant: str, hint: Hint, *, digest: str, now: datetime, delivery: str | None = None
    ) -> bool:
        """Keep a webhook of a known order once, and make that order due; False where it changed nothing."""
        await self._give_way()
        key = self._books.taken.get((merchant, hint.merchant_order_id or ""))
        order = None if key is None else self._books.orders[key]
        if order is None or order.due_at is None:
            return False
        marks = {(order.household, mark) for mark in (digest, delivery) if mark is not None}
        if marks & self._books.hints:
            return False
        self._books.hints |= marks
        woken = replace(order, due_at=min(order.due_at, now))
        if order.state in FOLLOWING:
            woken = replace(woken, lease_until=None, epoch=order.epoch + 1, version=order.version + 1)
        self._books.put(woken)
        return True

    async def report(self) -> Report:
        """All orders."""
        rows = sorted(self._books.orders.values(), key=lambda row: (row.accepted_at, row.household, row.intent_id))
        lines = tuple(ReportLine(row.intent_id, row.state, row.merchant_order_id, row.total_minor) for row in rows)
        return Report(lines, sum(map(len, self._books.attempts.values())))

    async def figures(self) -> Figures:
        """How much there is to do."""
        going = [row for row in self._books.orders.values() if row.due_at or row.state is OrderState.PARKED]
        due = [(row.due_at, row) for row in going if row.due_at is not None]
        return Figures(
            orders=Counter(row.state for row in going),
            due_at={row.state: at for at, row in sorted(due, key=lambda pair: pair[0], reverse=True)},
            failing=Counter(row.merchant for _, row in due if row.tries > 0),
            frozen=len(self._books.frozen),
            store_time=None,
        )

    async def resume(self, *, now: datetime) -> None:
        """End all leases and look at every followed order: for the one bridge that holds the books, at its start."""
        for order in list(self._books.orders.values()):
            due, lease = order.due_at, order.lease_until
            if due is not None and order.state in ON_ITS_WAY:
                due = min(due, now)
            if self._books.server_now is None:
                lease = None
            if (due, lease) != (order.due_at, order.lease_until):
                self._books.put(replace(order, lease_until=lease, due_at=due))


def _leased(order: OrderRecord, lease_until: datetime | None) -> OrderRecord:
    return replace(order, lease_until=lease_until)


def _runs(order: OrderRecord, now: datetime) -> bool:
    return order.lease_until is not None and order.lease_until > now


def _known(order: OrderRecord) -> KnownIntent:
    terms = order.terms
    return KnownIntent(
        intent_id=order.intent_id,
        hub=terms.hub,
        handover=terms.handover,
        merchant=order.merchant,
        sku=terms.sku,
        quantity=terms.quantity,
        currency=terms.currency,
        total_minor=terms.total_minor,
        total_max_minor=terms.total_max_minor,
        deliver_by=terms.deliver_by,
        state=order.state,
        accepted_at=order.accepted_at,
        merchant_order_id=order.merchant_order_id,
    )
