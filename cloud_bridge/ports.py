"""What the bridge's parts need from outside, one small Protocol each: a clock, merchants, the store, crash points.

Nothing here does work. Every call on the store is one transaction, durable when it returns. Times are aware UTC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Attempt, Change, OrderRecord
from cloud_bridge.core.outcome import Followed, Hint, Lookup, Outcome
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.core.stages import Stage, Told
from cloud_bridge.wire import Head, Intent, OrderEvent, OrderState


class Clock(Protocol):
    """The bridge's time: real, or virtual by the mapping in the configuration."""

    def now(self) -> datetime:
        """The time now, aware UTC."""

    def after_real(self, duration_s: float) -> datetime:
        """What this clock will show when `duration_s` real seconds have passed."""

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Wait until this clock shows `until`, or the bell rings."""


class Merchant(Protocol):
    """One merchant. Every connector passes the same contract suite (`tests/cloud_bridge/contract`).

    Each call is bounded in time and in what it reads. Money is integer minor units.
    """

    @property
    def capability(self) -> Capability:
        """What can be done about an answer that got lost."""

    @property
    def currency(self) -> str:
        """The one currency that this merchant is asked in."""

    def delivers_to(self, delivery_ref: str) -> bool:
        """Whether the reference names an address that this merchant has been given."""

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Price a session with today's prices: the given one, or one opened under `key` (the same key, the same one).

        It comes by `wanted.delivery`, where that is set: a merchant that does not offer it refuses (`terms_changed`).
        Raises: MerchantAwayError; MerchantRefusedError with a code of `core.order.Detail`.
        """

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:
        """SHA-256 in hex of the body that `place` would send for this session under this leave of the household."""

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """Ask for the order, once, with no retry. Never raises a MerchantError: what is not clear is `Unknown`.

        `leave` is what the household signed, for a merchant that wants to see it.
        """

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Where the session stands now; one that knows no key is asked by our reference, the key given to `place`.

        Raises: MerchantAwayError when nobody answered; MerchantUnclearError when the answer is not about this session.
        """

    async def cancel(self, session_id: str) -> None:
        """Close a session, so that no order can come of it; one that cannot be closed any more is left as it is.

        Raises: MerchantAwayError.
        """

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:
        """The order as it stands now; `session_id` is the session that it came of, where a merchant is asked by that.

        One of class B or C is told without it, too: after a restore an order may have been found by our reference.

        Raises: MerchantAwayError; MerchantUnclearError.
        """

    def hint(self, body: bytes) -> Hint:
        """What a webhook claims to be about; nothing where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it came: its own address as merchants know it, headers by lower-case name, the raw body."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class WebhookVerifier(Protocol):
    """Says whether a delivery comes from one merchant, before anything reads its body."""

    async def check(self, delivery: Delivery) -> None:
        """Accept a delivery.

        Raises: NotAuthenticError; MerchantAwayError when that cannot be told now.
        """


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One order in the operator's report."""

    intent_id: str
    state: OrderState
    merchant_order_id: str | None
    total_minor: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """All orders, oldest first, and how many attempts were recorded."""

    orders: tuple[ReportLine, ...]
    attempts: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What the store knows of the bridges' work.

    `orders` that are not over, by state, and when the first of each is due. `failing` counts those whose last step at
    their merchant failed. `store_time` is what the store's own clock shows, where it is not this process's.
    """

    orders: Mapping[OrderState, int]
    due_at: Mapping[OrderState, datetime]
    failing: Mapping[str, int]
    frozen: int
    store_time: datetime | None


NOBODY: Mapping[str, int] = MappingProxyType({})
"""How many orders of which merchant are worked on: none."""


class OrderStore(Protocol):
    """Orders, attempts, events and webhook hints of all households.

    Raises: StoreError from every call when the database fails.
    """

    async def accept(self, order: OrderRecord, *, head: int | None = None) -> OrderRecord:
        """Take a new order and tell its household, or answer with the one that has this id already.

        `head` is the highest number of its own that the hub knows to be here; None: it does not say.

        Raises: ForkedError when another intent of this hub has its number, which freezes the household; BehindError
        when this hub has an order above `head`; HouseholdFrozenError; WithdrawnError.
        """

    async def find(self, household: str, intent_id: str) -> OrderRecord | None:
        """One order."""

    async def attempts(self, order: OrderRecord) -> tuple[Attempt, ...]:
        """The order's attempts, oldest first."""

    async def claim(
        self,
        states: Collection[OrderState],
        *,
        now: datetime,
        lease_until: datetime,
        limit: int,
        busy: Mapping[str, int] = NOBODY,
    ) -> tuple[OrderRecord, ...]:
        """Take due orders that nobody holds, up to `limit` of each merchant less those that `busy` counts there.

        Each gets a new epoch.
        """

    async def next_due(self, states: Collection[OrderState], *, full: Collection[str] = ()) -> datetime | None:
        """When the next order in these states is due or its lease ends; orders of merchants in `full` do not count."""

    async def apply(self, change: Change) -> OrderRecord:
        """Make one change.

        Raises: StaleClaimError when the row is not the one that the change was made from, MerchantOrderTakenError when
        another order has this merchant order, HouseholdFrozenError when an attempt is to be recorded for a frozen
        household; nothing is written then.
        """

    async def amend(
        self, household: str, intent_id: str, decide: Callable[[OrderRecord], Change | None]
    ) -> tuple[OrderRecord, bool] | None:
        """Read, decide and write in one transaction, taking any claim away; None where there is no such order."""

    async def withdraw(self, household: str, intent_id: str, *, now: datetime) -> bool:
        """Note that an intent which is not here shall never be taken; False where it is here, or too many are noted."""

    async def settle(
        self, household: str, intent_id: str, decide: Callable[[OrderRecord, Sequence[Attempt]], Change | None]
    ) -> tuple[OrderRecord, bool] | None:
        """As `amend`, for a decision that looks at the attempts, too.

        Raises: MerchantOrderTakenError.
        """

    async def is_frozen(self, household: str) -> bool:
        """Whether nothing may be sent for this household."""

    async def head(self, household: str, *, after: int, now: datetime) -> Head:
        """How far the bridge has come with this household, and its intents with a higher number than `after`."""

    async def events_after(self, household: str, *, after: int, limit: int) -> tuple[OrderEvent, ...]:
        """This household's events with a higher seq, oldest first."""

    async def take_hint(
        self, merchant: str, hint: Hint, *, digest: str, now: datetime, delivery: str | None = None
    ) -> bool:
        """Keep a webhook of a known order once, and make that order due; False where it changed nothing.

        `digest` and `delivery` are SHA-256 in hex, of its body and of its id.
        """

    async def report(self) -> Report:
        """All orders."""

    async def figures(self) -> Figures:
        """How much there is to do, of all households together."""


class Tracing(Protocol):
    """Where the bridge's own work shows as spans; what they may tell stands in `core.stages`."""

    def span(
        self, stage: Stage, *, order: str, parent: str | None = None, told: Mapping[Told, int] | None = None
    ) -> AbstractContextManager[None]:
        """A span around a block, in this order's trace: within the span around it, or under the hub's, `parent`."""


class _NoTracing:
    """Fulfils `Tracing` where it is off."""

    def span(
        self,
        stage: Stage,  # noqa: ARG002
        *,
        order: str,  # noqa: ARG002
        parent: str | None = None,  # noqa: ARG002
        told: Mapping[Told, int] | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Nothing around the block."""
        return nullcontext()


NO_TRACING: Tracing = _NoTracing()


class CrashPoint(StrEnum):
    """Places between two durable steps. A simulation stops the process there; in service they do nothing."""

    CLAIMED = "claimed"
    QUOTED = "quoted"
    SESSION_SAVED = "session_saved"
    ATTEMPT_SAVED = "attempt_saved"
    ANSWERED = "answered"
    OUTCOME_SAVED = "outcome_saved"
    LOOKED_UP = "looked_up"
    CLOSED = "closed"
    FOLLOWED = "followed"
    SETTLED = "settled"
    WEBHOOK_READ = "webhook_read"
    WEBHOOK_KEPT = "webhook_kept"


CrashHook = Callable[[CrashPoint], None]

Step = Callable[[OrderRecord], Awaitable[None]]
"""What is done with one claimed order."""


def no_crash(point: CrashPoint) -> None:
    """Go on: what stands at a crash point in service."""


Merchants = Mapping[str, Merchant]
HouseholdKeys = Mapping[str, bytes]
