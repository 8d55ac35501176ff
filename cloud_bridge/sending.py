"""One request that may make an order, from its record to its answer; and what every step of an order needs beside.

The rule of the file: an attempt is committed before the first byte of it is sent, and its outcome before anything
else is done with the order. So a restart at any point goes on from the store alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from cloud_bridge.config import WorkerConfig
from cloud_bridge.core import backoff, leave
from cloud_bridge.core.capability import Capability
from cloud_bridge.core.keys import order_key
from cloud_bridge.core.order import (
    Attempt,
    AttemptOutcome,
    Change,
    Detail,
    OrderRecord,
    advance,
    dispatch,
    note,
    way_to,
)
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Outcome, Placed, Rejected, Standing, Unknown
from cloud_bridge.core.quote import charge_detail
from cloud_bridge.core.recovery import tells_of_another
from cloud_bridge.core.stages import Stage, Told
from cloud_bridge.errors import (
    MerchantError,
    MerchantOrderTakenError,
    NotAuthenticError,
    StaleClaimError,
    StoreError,
)
from cloud_bridge.ports import (
    NO_TRACING,
    Clock,
    CrashHook,
    CrashPoint,
    HouseholdKeys,
    Merchant,
    OrderStore,
    Tracing,
)
from cloud_bridge.wire import Intent, OrderState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the session as it is priced now. `earlier` are the attempts before, oldest first.

    `proven`: it is known that no order came of those.
    """

    session_id: str
    total_minor: int | None
    earlier: tuple[Attempt, ...] = ()
    proven: bool = False


class Sender:
    """Sends attempts and writes changes. `placed` wakes whoever follows orders; `jitter` gives [0, 1)."""

    def __init__(
        self,
        store: OrderStore,
        *,
        keys: HouseholdKeys,
        clock: Clock,
        config: WorkerConfig,
        jitter: Callable[[], float],
        placed: asyncio.Event,
        crash: CrashHook,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._config = config
        self._jitter = jitter
        self._placed = placed
        self._crash = crash
        self._tracing = tracing

    async def send(self, order: OrderRecord, merchant: Merchant, request: Request) -> None:
        """Record the attempt, send it, record its outcome.

        Raises: HouseholdFrozenError when nothing may be sent now, and nothing was recorded; StaleClaimError.
        """
        attempt = Attempt(
            n=len(request.earlier) + 1,
            key=request.earlier[0].key if request.earlier else order_key(order.body_sha256),
            body_sha256=merchant.order_digest(request.session_id, leave=signed(order)),
            dispatched_at=self._clock.now(),
            total_minor=request.total_minor,
        )
        order = await self.apply(dispatch(order, attempt, now=attempt.dispatched_at, proven=request.proven))
        self._crash(CrashPoint.ATTEMPT_SAVED)
        self._check_lease(order)
        with self._tracing.span(Stage.PLACE, order=order.intent_id, told={Told.ATTEMPT: attempt.n}):
            outcome = await merchant.place(request.session_id, key=attempt.key, leave=signed(order))
        self._crash(CrashPoint.ANSWERED)
        outcome = await self._believed(outcome, order, merchant, session_id=request.session_id)
        # A refused replay says nothing about the request before it, which may still be on its way.
        proves_nothing = isinstance(outcome, Rejected) and attempt.n > 1 and not request.proven
        try:
            await self._record(order, outcome, attempt=attempt, merchant=merchant, proves_nothing=proves_nothing)
        except (StaleClaimError, StoreError):
            order_id = outcome.merchant_order_id if isinstance(outcome, Placed) else None
            kind = type(outcome).__name__.lower()
            log.error("answer_not_kept intent=%s outcome=%s order=%s", order.intent_id, kind, order_id)  # noqa: TRY400
            raise
        self._crash(CrashPoint.OUTCOME_SAVED)

    async def look_up(self, merchant: Merchant, order: OrderRecord, *, session_id: str) -> Lookup:
        """Where the order stands at its merchant, by session or by our reference.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        return await merchant.get(session_id, reference=order_key(order.body_sha256))

    async def close(self, order: OrderRecord, merchant: Merchant, *, session_id: str) -> None:
        """Let no order come of the session any more.

        Raises: MerchantAwayError.
        """
        await merchant.cancel(session_id)
        self._crash(CrashPoint.CLOSED)
        log.info("session_closed intent=%s", order.intent_id)

    async def apply(self, change: Change) -> OrderRecord:
        """Make one change durable, and wake whoever goes on with it.

        Raises: StaleClaimError; MerchantOrderTakenError; HouseholdFrozenError; StoreError.
        """
        order = await self._store.apply(change)
        for said in change.said:
            log.info("order intent=%s state=%s detail=%s", order.intent_id, said.state, said.detail)
        if order.state in {OrderState.PLACED, OrderState.NEEDS_BUYER}:
            self._placed.set()
        return order

    def outcome_change(self, order: OrderRecord, outcome: Outcome, *, capability: Capability) -> Change:
        """What an outcome makes of an order that is being sent, or was in doubt."""
        now = self._clock.now()
        match outcome:
            case Placed():
                return placed_change(order, outcome, now=now)
            case NeedsBuyer(url):
                way = way_to(order, OrderState.NEEDS_BUYER)
                return advance(order, *way, now=now, due_at=now, misses=0, handoff_url=url)
            case Rejected(reason):
                return advance(order, *way_to(order, OrderState.REJECTED), now=now, detail=reason)
            case Unknown(reason):
                return self._unknown(order, reason, capability=capability)
            case _:
                assert_never(outcome)

    def retry_at(self, order: OrderRecord, exc: MerchantError | None = None) -> datetime:
        """When to try again, after as many failures as the order has had; later if the merchant asked for it."""
        return self._clock.now() + backoff.delay(
            order.tries,
            first_s=self._config.retry_first_s,
            longest_s=self._config.retry_max_s,
            jitter=self._jitter(),
            asked_s=None if exc is None else exc.retry_after_s,
        )

    def leave_holds(self, order: OrderRecord) -> bool:
        """Whether the household's signature over the terms is still good."""
        try:
            leave.check_leave(order.terms, order.signature, public_key=self._keys.get(order.household, b""))
        except NotAuthenticError:
            return False
        return True

    async def _believed(self, outcome: Outcome, order: OrderRecord, merchant: Merchant, *, session_id: str) -> Outcome:
        """An order that tells of another one is none of ours, and a refusal of what is there all the same is none."""
        match outcome:
            case Placed() if tells_of_another(outcome, order):
                return Unknown(Detail.ANOTHER_ORDER_SHOWN)
            case Rejected() if await self._is_there(order, merchant, session_id=session_id):
                log.warning("refused_and_there intent=%s reason=%s", order.intent_id, outcome.reason)
                return Unknown(Detail.NO_ANSWER)
            case _:
                return outcome

    async def _is_there(self, order: OrderRecord, merchant: Merchant, *, session_id: str) -> bool:
        """Whether a look-up shows an order, or one that is being made; False where nobody can be asked."""
        if not merchant.capability.can_be_asked:
            return False
        try:
            found = await self.look_up(merchant, order, session_id=session_id)
        except MerchantError:
            return False
        return isinstance(found, Placed) or found in {Standing.BUSY, Standing.ORDERED}

    def _check_lease(self, order: OrderRecord) -> None:
        """A process that slept since it recorded the attempt must not send it: somebody else may have gone on."""
        if order.lease_until is not None and self._clock.now() >= order.lease_until:
            raise StaleClaimError(f"order {order.intent_id}: the lease ran out before the attempt was sent")

    async def _record(
        self, order: OrderRecord, outcome: Outcome, *, attempt: Attempt, merchant: Merchant, proves_nothing: bool
    ) -> None:
        now = self._clock.now()
        if proves_nothing:
            change = note(order, now=now, detail=None, due_at=now)
        else:
            change = self.outcome_change(order, outcome, capability=merchant.capability)
        try:
            await self.apply(replace(change, attempt=_concluded(attempt, outcome, at=now)))
        except MerchantOrderTakenError:
            log.exception("merchant_order_taken intent=%s", order.intent_id)
            unclear = Unknown("no_answer")
            await self._record(order, unclear, attempt=attempt, merchant=merchant, proves_nothing=False)

    def _unknown(self, order: OrderRecord, reason: str, *, capability: Capability) -> Change:
        now, due_at, tries = self._clock.now(), self.retry_at(order), order.tries + 1
        if order.state is not OrderState.SENDING:
            return note(order, now=now, detail=None, due_at=due_at, tries=tries)
        if not capability.can_be_asked:
            return parked_at_once(order, now=now, reason=reason)
        return advance(order, OrderState.UNKNOWN, now=now, detail=reason, due_at=due_at, tries=tries)


def placed_change(order: OrderRecord, found: Placed, *, now: datetime, detail: str | None = None) -> Change:
    """The order is there. What the household must be told about its charge goes before `detail`."""
    return advance(
        order,
        *way_to(order, OrderState.PLACED),
        now=now,
        detail=charge_detail(found, order.terms) or detail,
        due_at=now,
        merchant_order_id=found.merchant_order_id,
        total_minor=found.total_minor,
        currency=found.currency,
    )


def parked_at_once(order: OrderRecord, *, now: datetime, reason: str) -> Change:
    """Nobody can be asked about it, so it is never due again: a person settles it."""
    return advance(order, *way_to(order, OrderState.PARKED), now=now, detail=reason)


def signed(order: OrderRecord) -> Intent:
    """The household's leave for this order, as it was signed."""
    return Intent(terms=order.terms, signature=order.signature)


def log_away(order: OrderRecord, exc: MerchantError) -> None:
    """One line for a merchant that gave no answer to build on."""
    log.info("merchant_away intent=%s error=%s", order.intent_id, exc)


def _concluded(attempt: Attempt, outcome: Outcome, *, at: datetime) -> Attempt:
    match outcome:
        case Placed():
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.PLACED)
        case NeedsBuyer():
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.NEEDS_BUYER)
        case Rejected(reason):
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.REJECTED, reason=reason)
        case Unknown(reason):
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.UNKNOWN, reason=reason)
        case _:
            assert_never(outcome)
