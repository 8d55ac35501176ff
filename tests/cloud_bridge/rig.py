"""A household that signs, a clock that is set by hand, and worker and tracker wired for tests."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_bridge.config import TrackingConfig, WorkerConfig
from cloud_bridge.core.leave import body_sha256
from cloud_bridge.core.order import FOLLOWING, PLACING, Change, OrderRecord
from cloud_bridge.intake import Intake
from cloud_bridge.ports import NO_TRACING, CrashHook, Merchant, Tracing, no_crash
from cloud_bridge.rounds import Beat, Rounds
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.tracking import Tracker, shared
from cloud_bridge.wire import Intent, OrderEvent, OrderState, Settlement, Terms, Verdict
from cloud_bridge.worker import Worker

HOUSEHOLD = "home-1"
MERCHANT = "grocer"
MILK = "milk-whole-1l"
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """Time that moves when a test says so; a wait ends at once."""

    at: datetime = START

    def now(self) -> datetime:
        """The time now."""
        return self.at

    def after_real(self, duration_s: float) -> datetime:
        """Real seconds are this clock's."""
        return self.at + timedelta(seconds=duration_s)

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Jump to the end of the wait."""
        if not bell.is_set():
            self.at = max(self.at, until)

    def pass_(self, **duration: float) -> None:
        """Let time pass."""
        self.at += timedelta(**duration)


@dataclass
class Signer:
    """A household's key, and what it signs."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    household: str = HOUSEHOLD
    handovers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.key.public_key().public_bytes_raw()

    def intent(self, **changes: object) -> Intent:
        """A signed intent for two packs of milk; `changes` are put into its terms before they are signed."""
        values: dict[str, Any] = {
            "intent_id": f"i-{uuid4().hex[:16]}",
            "household": self.household,
            "hub": "hub",
            "merchant": MERCHANT,
            "sku": MILK,
            "quantity": 2,
            "unit_price_minor": 179,
            "delivery_minor": 500,
            "total_minor": 858,
            "total_max_minor": 900,
            "currency": "USD",
            "delivery_ref": "home",
            "customer_ref": "ab" * 32,
            "deliver_by": date(2026, 3, 9),
            "offer_expires_at": START + timedelta(days=3),
            "nonce": uuid4().hex,
            "hold_s": 120,
            "leave": "approval",
            "consent_hash": "cd" * 32,
            "handover": next(self.handovers),
            **changes,
        }
        terms = Terms(**values)
        return Intent(terms=terms, signature=self._signature(terms))

    def settlement(
        self, intent_id: str, *, said_at: datetime, found: bool, merchant_order_id: str | None = None
    ) -> Settlement:
        """A person's signed word about an order in doubt."""
        verdict = Verdict(
            intent_id=intent_id,
            household=self.household,
            found=found,
            merchant_order_id=merchant_order_id,
            said_at=said_at,
            nonce=uuid4().hex,
        )
        return Settlement(verdict=verdict, signature=self._signature(verdict))

    def _signature(self, signed: Terms | Verdict) -> str:
        return base64.b64encode(self.key.sign(rfc8785.dumps(signed.model_dump(mode="json")))).decode()


@dataclass
class Rig:
    """Worker and tracker over a real store and some merchant, driven by hand."""

    store: SqlOrderStore
    clock: HandClock
    signer: Signer
    merchant: Merchant
    crash: CrashHook = no_crash
    others: Mapping[str, Merchant] = field(default_factory=dict)
    tracing: Tracing = NO_TRACING

    def __post_init__(self) -> None:
        merchants = {MERCHANT: self.merchant, **self.others}
        config = WorkerConfig()
        self.intake = Intake(
            self.store,
            keys={self.signer.household: self.signer.public_key},
            merchants=merchants,
            clock=self.clock,
            bell=asyncio.Event(),
            crash=lambda point: self.crash(point),  # noqa: PLW0108  a test may set another hook later
        )
        self.worker = Worker(
            self.store,
            merchants=merchants,
            keys={self.signer.household: self.signer.public_key},
            clock=self.clock,
            config=config,
            jitter=lambda: 0.0,
            placed=asyncio.Event(),
            crash=lambda point: self.crash(point),  # noqa: PLW0108  a test may set another hook later
            tracing=self.tracing,
        )
        tracker = Tracker(
            self.store,
            merchants=merchants,
            clock=self.clock,
            config=TrackingConfig(),
            retry=config,
            jitter=lambda: 0.0,
            crash=lambda point: self.crash(point),  # noqa: PLW0108  a test may set another hook later
        )
        beats = (
            Beat("place", PLACING, shared(self.worker.step, follow=tracker.step), asyncio.Event()),
            Beat("follow", FOLLOWING, tracker.step, asyncio.Event()),
        )
        self.placing, self.following = (
            Rounds(beat, store=self.store, clock=self.clock, config=config, tracing=self.tracing) for beat in beats
        )

    async def place(self, *, rounds_max: int = 40) -> None:
        """Let the worker go on, time passing from one due order to the next, until it has nothing left to do."""
        for _ in range(rounds_max):
            due = await self.store.next_due(PLACING)
            if due is None:
                return
            self.clock.at = max(self.clock.at, due)
            await self.placing.run_once()

    async def follow(self) -> None:
        """Let the tracker look once at every order that it follows."""
        await self.store.resume(now=self.clock.now())
        await self.following.run_once()

    async def events(self, household: str | None = None) -> list[OrderEvent]:
        """What the household was told."""
        return list(await self.store.events_after(household or self.signer.household, after=0, limit=500))

    async def states(self) -> list[OrderState]:
        """The states that the household was told, in order."""
        return [event.state for event in await self.events()]


async def accept(rig: Rig, intent: Intent) -> Intent:
    """Put an intent into the rig's store, past all checks of the door."""
    await rig.store.accept(new_order(intent, now=rig.clock.now()))
    return intent


def new_order(intent: Intent, *, now: datetime) -> OrderRecord:
    """The order that an intent becomes."""
    terms = intent.terms
    return OrderRecord(
        household=terms.household,
        intent_id=terms.intent_id,
        merchant=terms.merchant,
        state=OrderState.HELD,
        terms=terms,
        signature=intent.signature,
        body_sha256=body_sha256(intent),
        accepted_at=now,
        hold_until=now + timedelta(seconds=terms.hold_s),
        changed_at=now,
        due_at=now + timedelta(seconds=terms.hold_s),
    )


async def restore(rig: Rig, backup: OrderRecord) -> None:
    """Put an order's row back to what it was, as a backup does it, with today's fences so that the store takes it."""

    def forget(current: OrderRecord) -> Change:
        return Change(after=replace(backup, version=current.version + 1, epoch=current.epoch))

    await rig.store.amend(backup.household, backup.intent_id, forget)


class Killed(BaseException):
    """The process dies here: a death, not an error, so nothing may catch it on the way."""
