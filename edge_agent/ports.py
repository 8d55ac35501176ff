"""What the pipeline and the pages need from outside, one small Protocol each; adapters fulfil them.

Nothing here does work. Every call on a store is one transaction, and durable (WAL, synchronous=FULL) when it returns.
Times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cloud_bridge.wire import OrderEvent
from edge_agent.core.catalogue import Household, Item
from edge_agent.core.estimate import StockState
from edge_agent.core.intent import IntentChange, IntentRecord
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Forecast,
    IntentId,
    ItemId,
    PresenceChange,
    Price,
    PromptId,
    Quarantined,
    QuarantineReason,
    RawMessage,
    Reading,
    StockEstimate,
    StoredCursor,
)
from edge_agent.core.overview import BridgeStatus, DeviceOverview
from edge_agent.core.people import Account, Session
from edge_agent.core.prompt import PromptChange, PromptRecord
from edge_agent.core.terms import Terms


class Clock(Protocol):
    """The hub's time: real, or virtual by the mapping in the configuration."""

    def now(self) -> datetime:
        """The time now, aware UTC."""

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time."""


class Bridge(Protocol):
    """The cloud bridge. Every call may raise BridgeUnreachableError; the work is kept."""

    async def drain(self) -> int:
        """Offer every waiting intent once; returns how many the bridge has answered for."""

    async def fetch_events(self, *, after: int) -> tuple[tuple[OrderEvent, ...], int]:
        """Order events after a cursor, oldest first, and the cursor to ask with next."""

    async def fetch_prices(self, items: Sequence[Item], *, delivery_ref: str) -> list[Price]:
        """Today's prices of items whose products are bound to one merchant."""

    def status(self) -> BridgeStatus:
        """Whether it answers, and since when an order waits for it."""


class Inbox(Protocol):
    """Messages from the broker, not yet acknowledged."""

    async def receive(self, *, group_max: int, wait_s: float) -> list[RawMessage]:
        """Wait for one message, then take what has come within `wait_s` (real time), `group_max` at the most."""

    def acknowledge(self, messages: Sequence[RawMessage]) -> None:
        """Send the PUBACKs. Call this only after the messages are durable."""


class Decoder(Protocol):
    """Turns messages into records by the profiles that are loaded; never raises for what a device sends."""

    def decode(self, message: RawMessage, *, now: datetime) -> Decoded | Birth | PresenceChange | Quarantined:
        """One message, understood or kept apart with the reason."""


class Devices(Protocol):
    """Words to devices."""

    async def acknowledge(self, cursors: Sequence[StoredCursor]) -> None:
        """Tell each Restock-native device up to which seq everything is stored without a gap."""

    async def ask_rebirth(self, device: DeviceId) -> None:
        """Ask a device for its birth certificate instead of guessing."""


class ReadingStore(Protocol):
    """Messages, quarantine, devices and the folded stock."""

    def commit(self, accepted: Sequence[Decoded], quarantined: Sequence[Quarantined]) -> list[StoredCursor]:
        """Store a group, each message once; returns the new cursor of every (device, boot) in it.

        A second body under a known (device, boot, seq) goes to quarantine as SEQUENCE_CONFLICT. A message without a
        sequence that is redelivered (`duplicate`) with a known topic and digest is the same one.
        """

    def record_birth(self, birth: Birth) -> None:
        """Remember which profile and boot a device announced."""

    def record_presence(self, change: PresenceChange) -> None:
        """Remember that a device came or went."""

    def birth_of(self, device: DeviceId) -> Birth | None:
        """The last birth certificate of a device."""

    def readings_after(
        self, device: DeviceId, signal: str, *, after_id: int, limit: int
    ) -> list[tuple[int, datetime, Reading]]:
        """Stored readings of one signal in the order in which they were stored: (id, event_at, reading)."""

    def load_stock(self, item: ItemId) -> StockState | None:
        """The folded state of one item."""

    def save_stock(self, states: Sequence[StockState]) -> None:
        """Keep the folded states."""


class Inspection(Protocol):
    """What pages read of devices and quarantine."""

    def devices(self) -> list[DeviceOverview]:
        """Every device that was ever heard of, by name."""

    def quarantine(self, *, device: DeviceId | None = None, limit: int) -> list[Quarantined]:
        """Messages kept apart, newest first."""

    def quarantine_counts(self) -> dict[QuarantineReason, int]:
        """How many messages were ever kept apart, for each reason that occurred."""


class Forecaster(Protocol):
    """Stock estimates in, forecasts out, one batched call."""

    def forecast(self, items: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """One forecast an item, in the same order; the built-in rule where the model cannot answer."""


class OrderStore(Protocol):
    """Prompts, leave, intents, outbox, prices, audit: everything that may cost money."""

    def live_prompt(self, item: ItemId) -> PromptRecord | None:
        """The prompt of this item that is open or snoozed."""

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""

    def last_prompt(self, item: ItemId) -> PromptRecord | None:
        """The newest prompt of an item, whatever its state."""

    def prompts(self, *, live: bool, limit: int) -> list[PromptRecord]:
        """Prompts, newest first."""

    def add_prompt(self, record: PromptRecord) -> None:
        """Store a new prompt; refused when the item has a live one or a live order."""

    def change_prompt(self, change: PromptChange) -> PromptRecord:
        """Apply a change that `core.prompt` allows; raises RefusedError when the prompt has moved on meanwhile."""

    def approve(
        self, change: PromptChange, *, intent: IntentRecord, terms: Terms, signature: bytes, body: bytes
    ) -> IntentRecord:
        """The hand-over, in one transaction: prompt, authority, reservation, intent, outbox, audit."""

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One intent."""

    def live_intent(self, item: ItemId) -> IntentRecord | None:
        """The order under way for this item."""

    def last_intent(self, item: ItemId) -> IntentRecord | None:
        """The newest intent of an item, whatever its state."""

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The intent that a prompt led to."""

    def intents(self, *, live: bool, limit: int) -> list[IntentRecord]:
        """Intents, newest first."""

    def change_intents(self, changes: Sequence[IntentChange], *, cursor: int | None) -> list[IntentRecord]:
        """Apply changes that `core.intent` allows, and the status cursor with them, in one transaction."""

    def status_cursor(self) -> int:
        """The seq of the last order event that was applied."""

    def save_prices(self, prices: Sequence[Price]) -> None:
        """Append to the price history."""

    def prices(self, item: ItemId, *, limit: int) -> list[Price]:
        """Price history of one item, newest first."""


class HouseholdStore(Protocol):
    """The household's own documents: items, products, places, preferences. People may read and edit the file."""

    def load(self) -> Household:
        """The household as it stands; cheap when the file has not changed."""


class AccountStore(Protocol):
    """People and their sessions."""

    def account(self, name: str) -> Account | None:
        """One account by its name."""

    def add_session(self, session: Session) -> None:
        """Remember a session by the hash of its token."""

    def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """The session, unless it has ended."""

    def end_session(self, token_hash: str) -> None:
        """Forget a session."""

    def failed_logins(self, name: str, *, since: datetime) -> int:
        """How often a wrong password was given for this name."""

    def record_login(self, name: str, *, at: datetime, succeeded: bool) -> None:
        """Count a login; a success clears the failures."""


class Signer(Protocol):
    """The household's key. It never leaves the hub."""

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of 64 bytes."""

    def customer_ref(self, merchant: str) -> str:
        """HMAC-SHA256(household secret, merchant) in hex: one household has another name at each merchant."""
