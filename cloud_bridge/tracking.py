"""Follows orders that a merchant has taken, until they end. Polls on a schedule and on start.

A webhook only makes an order due: what counts is what the merchant answers when it is asked. So the states are right
with every webhook lost, late, doubled or forged. What an answer changes stands in `core.following`: a state never goes
back, and no count falls. Nothing is followed for ever: each state has a day after which it ends, or is left as it is.
What was delivered, returned or cancelled is asked about once a day for `RETURNS_FOR` after its last news: goods and
money may still go back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from cloud_bridge.config import TrackingConfig, WorkerConfig
from cloud_bridge.core import backoff
from cloud_bridge.core.capability import SILENCE_MAX
from cloud_bridge.core.following import news
from cloud_bridge.core.keys import order_key
from cloud_bridge.core.order import AFTERWARDS, Change, Detail, OrderRecord, advance, is_followed, note, tell
from cloud_bridge.core.outcome import NeedsBuyer, Open, Placed, Standing
from cloud_bridge.core.quote import charge_detail
from cloud_bridge.core.recovery import MISSES_MAX, names_another
from cloud_bridge.errors import (
    BugError,
    MerchantAwayError,
    MerchantError,
    MerchantOrderTakenError,
    MerchantUnclearError,
)
from cloud_bridge.ports import Clock, CrashHook, CrashPoint, Merchant, Merchants, OrderStore, Step, no_crash
from cloud_bridge.wire import OrderState

log = logging.getLogger(__name__)

BUYER_HAS = timedelta(hours=72)
LATE_MAX = timedelta(days=90)  # a lost order, or the rest of one, is looked for this long after it was told
RETURNS_FOR = timedelta(days=60)  # without news for this long, nothing more goes back: thirty to return, as many to pay
_SLOW_POLL = timedelta(days=1)
_SLOW = AFTERWARDS | {OrderState.NEVER_ARRIVED}
_FAILURES_MAX = 3  # in a row: a merchant that is away for a moment has not fallen silent
_POLL_REAL_MIN_S = 0.5  # however fast the clock runs, one order is not asked about more often than this


def shared(place: Step, *, follow: Step) -> Step:
    """The step of orders that the worker claims: one that was cancelled at its merchant is only followed."""

    async def step(order: OrderRecord) -> None:
        await (follow if is_followed(order) else place)(order)

    return step


class Tracker:
    """Steps of orders that are under way. `jitter` gives [0, 1)."""

    def __init__(
        self,
        store: OrderStore,
        *,
        merchants: Merchants,
        clock: Clock,
        config: TrackingConfig,
        retry: WorkerConfig,
        jitter: Callable[[], float],
        crash: CrashHook = no_crash,
    ) -> None:
        self._store = store
        self._merchants = merchants
        self._clock = clock
        self._config = config
        self._retry = retry
        self._jitter = jitter
        self._crash = crash

    async def step(self, order: OrderRecord) -> None:
        """Ask the merchant about a claimed order, and record what is new.

        Raises: StaleClaimError when the order was changed meanwhile; StoreError.
        """
        merchant = self._merchants.get(order.merchant)
        try:
            change = self._later(order) if merchant is None else await self._look(order, merchant)
        except (MerchantAwayError, MerchantUnclearError) as exc:
            log.info("follow_failed intent=%s error=%s", order.intent_id, exc)
            change = self._later(order, exc)
        self._crash(CrashPoint.FOLLOWED)
        try:
            await self._apply(change)
        except MerchantOrderTakenError:
            log.exception("merchant_order_taken intent=%s", order.intent_id)
            await self._apply(self._later(order))

    async def _apply(self, change: Change) -> None:
        order = await self._store.apply(change)
        for said in change.said:
            log.info("order intent=%s state=%s detail=%s", order.intent_id, said.state, said.detail)

    async def _look(self, order: OrderRecord, merchant: Merchant) -> Change:
        if order.state is OrderState.NEEDS_BUYER:
            return await self._ask_for_buyer(order, merchant)
        if order.merchant_order_id is None:  # a person found it, and named no id to ask for
            return self._overdue(order) or self._next_look(order)
        told = await merchant.events(order.merchant_order_id, session_id=order.session_id)
        found = news(order, told)
        if found is None:
            return self._overdue(order) or self._next_look(order)
        state = found.way[-1] if found.way else order.state
        now, due_at = self._clock.now(), self._due_at(state)
        if not found.way:
            return tell(order, now=now, detail=found.detail, due_at=due_at, tries=0, misses=0, **found.facts)
        ended = state is OrderState.REFUNDED
        return advance(order, *found.way, now=now, detail=found.detail, due_at=None if ended else due_at, **found.facts)

    async def _ask_for_buyer(self, order: OrderRecord, merchant: Merchant) -> Change:
        if order.session_id is None:
            raise BugError(f"order {order.intent_id} needs a buyer and has no session")
        now = self._clock.now()
        found = await merchant.get(order.session_id, reference=order_key(order.body_sha256))
        # Whoever finished it there may have bought more or less of it: that is still what became of this order.
        if isinstance(found, Placed) and not names_another(found, order):
            return advance(
                order,
                OrderState.PLACED,
                now=now,
                due_at=now,
                merchant_order_id=found.merchant_order_id,
                total_minor=found.total_minor,
                currency=found.currency,
                detail=charge_detail(found, order.terms),
            )
        misses = order.misses + 1 if found is Standing.MISSING else 0
        late, over = now >= order.changed_at + BUYER_HAS, self._overdue(order) is not None
        if over or found is Standing.CLOSED or (late and misses >= MISSES_MAX):
            return advance(order, OrderState.EXPIRED, now=now, detail=Detail.BUYER_DID_NOT_FINISH)
        if late and isinstance(found, NeedsBuyer | Open):
            await merchant.cancel(order.session_id)
        return self._next_look(order, misses=misses)

    def _overdue(self, order: OrderRecord) -> Change | None:
        """What becomes of an order that nothing new was heard of for too long; None while there is time."""
        now, due = self._clock.now(), _promised(order)
        merchant = self._merchants.get(order.merchant)
        silence_max = SILENCE_MAX if merchant is None else merchant.capability.silence_max
        is_silent = silence_max is not None and now - silence_max >= max(due, order.changed_at)
        match order.state:
            case OrderState.PLACED | OrderState.SHIPPED if is_silent:
                return advance(order, OrderState.NEVER_ARRIVED, now=now, due_at=now + _SLOW_POLL)
            case OrderState.NEVER_ARRIVED | OrderState.PARTLY_DELIVERED if now >= order.changed_at + LATE_MAX:
                return note(order, now=now, detail=None, due_at=None)
            case state if state in AFTERWARDS and now >= order.changed_at + RETURNS_FOR:
                return note(order, now=now, detail=None, due_at=None)
            case OrderState.NEEDS_BUYER if now >= order.changed_at + BUYER_HAS + SILENCE_MAX:
                return advance(order, OrderState.EXPIRED, now=now, detail=Detail.MERCHANT_AWAY)
            case _:
                return None

    def _next_look(self, order: OrderRecord, *, misses: int = 0) -> Change:
        due_at = self._due_at(order.state)
        return note(order, now=self._clock.now(), detail=None, due_at=due_at, tries=0, misses=misses)

    def _due_at(self, state: OrderState) -> datetime:
        poll = timedelta(seconds=self._config.poll_s)
        if state in _SLOW:
            poll = max(poll, _SLOW_POLL)
        return max(self._clock.now() + poll, self._clock.after_real(_POLL_REAL_MIN_S))

    def _later(self, order: OrderRecord, exc: MerchantError | None = None) -> Change:
        overdue = self._overdue(order) if order.tries + 1 >= _FAILURES_MAX else None
        if overdue is not None:
            return overdue
        now = self._clock.now()
        wait = backoff.delay(
            order.tries,
            first_s=self._retry.retry_first_s,
            longest_s=self._retry.retry_max_s,
            jitter=self._jitter(),
            asked_s=None if exc is None else exc.retry_after_s,
        )
        return note(order, now=now, detail=None, due_at=now + wait, tries=order.tries + 1)


def _promised(order: OrderRecord) -> datetime:
    """The end of the day by which it was due: the one agreed to, or a later one that the merchant promised since."""
    days = [order.terms.deliver_by]
    if order.expected_on is not None:
        days.append(min(order.expected_on, (order.changed_at + LATE_MAX).date()))
    return datetime.combine(max(days), time.max, tzinfo=UTC)
