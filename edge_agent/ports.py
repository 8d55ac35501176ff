"""What the pipeline and the pages need from outside, one small Protocol each; adapters fulfil them.

Nothing here does work. Every call on a store is one transaction, and durable (WAL, synchronous=FULL) when it returns.
Times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from cloud_bridge.wire import CancelReceipt, Head, OrderEvent, Settlement, SettleReceipt
from edge_agent.core.catalogue import Household, Item, Product
from edge_agent.core.clock_trust import ClockDoubt
from edge_agent.core.deciding.shadow import ShadowOrder
from edge_agent.core.estimate import StockState
from edge_agent.core.handover import HubKnowledge, TakenOver
from edge_agent.core.household_edit import Edit
from edge_agent.core.intent import IntentChange, IntentRecord
from edge_agent.core.leave.authority import AuthorityRow
from edge_agent.core.leave.draw import DrawRequest
from edge_agent.core.leave.terms import Terms
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Forecast,
    IntentId,
    ItemId,
    PresenceChange,
    Price,
    PriceElsewhere,
    PromptId,
    Quarantined,
    QuarantineReason,
    RawMessage,
    Reading,
    StockEstimate,
    StoredCursor,
)
from edge_agent.core.overview import BridgeStatus, DeviceOverview
from edge_agent.core.prompt import Endorsement, PromptChange, PromptRecord
from edge_agent.core.safety import SafetyProblem
from edge_agent.core.sparkplug.topics import Admitted, RebirthRequest
from edge_agent.core.stock_events import Delivered, Labelled, SentBack, StockEvent
from edge_agent.core.tracing import Stage, Told


class Clock(Protocol):
    """The hub's time: real, or virtual by the mapping in the configuration."""

    def now(self) -> datetime:
        """The time now, aware UTC."""

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time."""


class Bridge(Protocol):
    """The cloud bridge. Every call may raise BridgeUnreachableError; the work is kept."""

    async def drain(self, *, check: Callable[[], None]) -> int:
        """Offer every waiting intent once; returns how many the bridge has answered for.

        `check` is asked before each: it raises SendsStoppedError while nothing may be sent.
        """

    async def fetch_events(self, *, after: int) -> tuple[tuple[OrderEvent, ...], int]:
        """Order events after a cursor, oldest first, and the cursor to ask with next."""

    async def fetch_prices(self, items: Sequence[Item], *, delivery_ref: str) -> list[Price]:
        """Today's prices of items whose products are bound to one merchant.

        Raises: RefusedError where there is no such merchant, or it does not deliver there.
        """

    async def fetch_head(self, *, after: int) -> Head:
        """How far the bridge has come with this household, and the intents with a higher number than `after`."""

    async def cancel(self, intent: IntentId) -> CancelReceipt | None:
        """Ask to take an order back while it is held; None: the bridge has not got it, nor room to note that."""

    async def settle(self, settlement: Settlement) -> SettleReceipt:
        """Say what a person found out of an order in doubt; raises RefusedError when the bridge refuses it for good."""

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

    def decode(
        self, message: RawMessage, *, now: datetime, since: datetime | None = None
    ) -> Decoded | Birth | PresenceChange | Quarantined:
        """One message that came `now`, or between `since` and `now`: understood or kept apart with the reason."""

    def is_private(self, topic: str) -> bool:
        """Whether a message on this topic may hold what is never kept."""


class Devices(Protocol):
    """Words to devices."""

    async def acknowledge(self, cursors: Sequence[StoredCursor]) -> None:
        """Tell each Restock-native device up to which seq everything is stored without a gap."""

    async def ask_rebirth(self, device: DeviceId) -> None:
        """Ask a device for its birth certificate instead of guessing."""

    async def ask_node(self, request: RebirthRequest) -> None:
        """Ask a Sparkplug edge node for its births."""


class EdgeNodeSessions(Protocol):
    """What is known of Sparkplug edge nodes; without it an alias in a message means nothing."""

    def admit(self, message: RawMessage) -> Admitted:
        """One message before it is decoded, each once and in the order in which they came; never raises."""

    def miss(self, message: RawMessage) -> RebirthRequest | None:
        """A message that is not looked at: what its node said since its birth is no longer certain."""


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


class StockEvents(Protocol):
    """What people and deliveries say of a stock."""

    def record(self, event: StockEvent, *, cause: str | None = None) -> bool:
        """Keep what was said, with a line of the audit log.

        `cause` names what it comes from where that may be told twice (an order's id); False: it was told before.
        """

    def record_up_to(self, event: Delivered | SentBack, *, cause: str) -> bool:
        """Keep as many of its packs as were not kept under this cause before; False: there are none."""

    def events_after(self, item: ItemId, *, after_id: int, limit: int) -> list[tuple[int, StockEvent]]:
        """What was said of an item after the event with this number, in the order in which it was said."""

    def newest(self, item: ItemId, *, limit: int) -> Sequence[StockEvent]:
        """What was said of an item last, newest first."""

    def labels(self, *, item: ItemId | None = None, limit: int) -> Sequence[Labelled]:
        """What was read on packs last, newest first."""


class DoubtfulStore(Protocol):
    """Readings that were kept apart because the hub doubted its own clock."""

    def held(self, *, limit: int) -> list[tuple[int, RawMessage]]:
        """The oldest ones, with the number of their row."""

    def settle(self, accepted: Sequence[tuple[int, Decoded]], refused: Sequence[tuple[int, Quarantined]]) -> None:
        """Store what is believed now, and give the rest its own reason, in one transaction."""


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

    def endorse(self, prompt: PromptId, *, terms_hash: str, by: str, at: datetime) -> None:
        """Keep one person's word for a prompt that needs two; refused when it is no longer open on these terms."""

    def endorsements(self, prompt: PromptId) -> tuple[Endorsement, ...]:
        """Who has agreed to a prompt on the terms that stand now, oldest first."""

    def next_handover(self) -> int:
        """The number that the next intent's terms must carry; given away by `approve` only."""

    def approve(
        self,
        change: PromptChange,
        *,
        intent: IntentRecord,
        terms: Terms,
        signature: bytes,
        body: bytes,
        receipt: bytes,
        draw: DrawRequest | None = None,
    ) -> IntentRecord:
        """The hand-over, in one transaction: prompt, authority, ledger, intent, outbox, audit.

        With `draw` the prompt is new, and the mandate is checked inside.

        Raises: RefusedError when the prompt has moved on; HandoverMovedError when the terms carry another number than
        the next; BudgetError when the draw does not fit.
        """

    def wish_cancel(self, intent: IntentId, *, by: str, at: datetime, why: str | None = None) -> IntentRecord:
        """Take an order back: cancelled at once where the outbox was not taken yet, else kept as a wish for the bridge.

        `why` is kept with the order where it is this hub's own doing, and no person's.

        Raises: RefusedError when it is too late for either.
        """

    def cancel_wishes(self, *, limit: int) -> list[IntentId]:
        """Orders that a person wants back and the bridge has not answered for, oldest first."""

    def answer_cancel(self, intent: IntentId, change: IntentChange | None) -> None:
        """The bridge has answered: the wish goes, and the intent follows."""

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One intent."""

    def live_intent(self, item: ItemId) -> IntentRecord | None:
        """The order under way for this item."""

    def last_intent(self, item: ItemId) -> IntentRecord | None:
        """The newest intent of an item, whatever its state; one that was overtaken and never left is none."""

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The intent that a prompt led to."""

    def intents(self, *, live: bool, limit: int) -> list[IntentRecord]:
        """Intents, newest first."""

    def change_intents(self, changes: Sequence[IntentChange], *, cursor: int | None) -> list[IntentRecord]:
        """Apply changes that `core.intent` allows, and the status cursor with them, in one transaction."""

    def asked_since(self, at: datetime) -> int:
        """How many questions were put to the household at or after `at`; draws asked nobody."""

    def drawn_since(self, at: datetime) -> int:
        """How many draws were made at or after `at`."""

    def status_cursor(self) -> int:
        """The seq of the last order event that was applied."""

    def save_prices(self, prices: Sequence[Price]) -> None:
        """Append to the price history."""

    def prices(self, item: ItemId, *, limit: int, also: Sequence[Product] = ()) -> list[Price]:
        """Prices of an item's products, past ones too, and of `also`: the last `limit` of each, newest first."""

    def newest_price(self, item: ItemId, *, merchant: str, sku: str) -> Price | None:
        """The newest price of one of an item's products."""


class PricesElsewhere(Protocol):
    """What products cost where they are brought elsewhere than home."""

    def replace(self, prices: Sequence[Price], *, merchants: Sequence[str], delivery_ref: str) -> None:
        """Keep these, and forget what those merchants said of this place before."""

    def newest(self, merchant: str, sku: str, *, delivery_ref: str) -> PriceElsewhere | None:
        """What it costs there; None: nobody has said, or the merchant does not deliver there."""


class ShadowStore(Protocol):
    """What items in shadow would have ordered."""

    def shadow_orders(self, item: ItemId, *, limit: int) -> list[ShadowOrder]:
        """The shadow orders of one item, newest first."""

    def put_shadow_order(self, order: ShadowOrder) -> None:
        """Keep a new one, or the newer state of one that was made at the same moment."""


class BundleStore(Protocol):
    """What questions and draws rested on, as bundles of `core.deciding.replay`."""

    def put_bundle(self, prompt: PromptId, bundle: bytes, *, at: datetime) -> None:
        """Keep what a question rested on."""

    def bundle(self, prompt: PromptId) -> bytes | None:
        """What a question rested on; None where that is no longer kept."""


class HouseholdStore(Protocol):
    """The household's own documents: items, products, places, preferences. People may read and edit the file."""

    def load(self) -> Household:
        """The household as it stands; cheap when the file has not changed."""


class HouseholdDocuments(HouseholdStore, Protocol):
    """The same, where the pages may write what the household says."""

    def problem(self) -> str | None:
        """What is wrong with the file; None: it fits."""

    def save(self, household: Household) -> None:
        """Write all documents anew."""

    def edit(self, edit: Edit) -> None:
        """Change what is to be changed and nothing else; what people wrote around it stays.

        Raises: RefusedError when it cannot be changed so, or was edited meanwhile.
        """


class Signer(Protocol):
    """The household's key. It never leaves the hub."""

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of 64 bytes."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the household's key made this signature over this message."""

    def customer_ref(self, merchant: str) -> str:
        """HMAC-SHA256(household secret, merchant) in hex: one household has another name at each merchant."""


class HandoverStore(Protocol):
    """Numbers of hand-overs, and the intents that only the bridge knew."""

    def knowledge(self) -> HubKnowledge:
        """What this hub knows, to hold against what the bridge says."""

    def reconcile(
        self, taken: Sequence[TakenOver], *, overtaken: Sequence[IntentId], handover: int, at: datetime
    ) -> None:
        """Drop what may never be sent, keep what only the bridge knew, and go on after its last number: all or none.

        `taken` is in the order of the numbers: what is older than another order of its item was closed before that.
        """

    def acknowledge(self, handover: int) -> None:
        """This hub knows of every order up to this number that the bridge has of it."""

    def accept_bridge(self, *, handover: int, event_seq: int, by: str) -> None:
        """Go on from a bridge that knows less; what it has forgotten stays here as it is."""


class AuditChain(Protocol):
    """The audit log, as far as sending depends on it."""

    def check(self) -> SafetyProblem | None:
        """What is wrong with it; cheap after the first time."""

    def record(self, event: Mapping[str, str | int]) -> None:
        """Add one event that stands for itself."""


class Waiting(Protocol):
    """An order that has not been taken by the bridge yet."""

    @property
    def intent(self) -> IntentId:
        """Which one."""


class OutgoingStore(Protocol):
    """What is about to be sent, and the leave for it."""

    def outbox(self, *, limit: int) -> Sequence[Waiting]:
        """What waits, oldest first; raises StoreCorruptError when a body is not the one that was approved."""

    def authority(self, intent: IntentId) -> AuthorityRow | None:
        """The leave of an intent."""


class MerchantStore(Protocol):
    """What is known of merchants."""

    def merchant_class(self, merchant: str) -> str | None:
        """A, B or C (`wire.PriceList`); None while the bridge has not said."""


class JudgedClock(Clock, Protocol):
    """The hub's time with how far it is believed."""

    def doubt(self) -> ClockDoubt | None:
        """Why the wall clock is not believed; None: it is."""

    def wall(self) -> datetime:
        """What the wall clock shows, believed or not."""

    def vouch(self) -> None:
        """A person calls the wall clock right."""


class LaggingClock(Clock, Protocol):
    """The hub's time, and how it stands to the wall clock."""

    def doubt(self) -> ClockDoubt | None:
        """Why the wall clock is not believed; None: it is."""

    def lag(self) -> timedelta:
        """By how much the wall clock is behind the hub's time, which never goes back."""

    def is_followed(self) -> bool:
        """Whether the wall clock is believed, and the hub's time goes by it."""


class Safety(Protocol):
    """Whether anything may be sent, and the two things that a person may say about it. `by` is the account's name."""

    def problems(self) -> tuple[SafetyProblem, ...]:
        """Why nothing is sent; empty: sends are allowed."""

    def confirm_clock(self, by: str) -> None:
        """A person has looked: the time that the page shows is right."""

    def accept_bridge(self, by: str) -> None:
        """A person has looked: go on with a bridge that has forgotten some orders."""


class Span(Protocol):
    """One piece of work, while it lasts."""

    def tell(self, told: Told, value: int) -> None:
        """A figure of it, one that its stage may tell."""

    @property
    def header(self) -> str | None:
        """What the bridge is told of it, as W3C's `traceparent`; None where it is told nothing."""


class Tracing(Protocol):
    """Where the hub's own work shows as spans; what they may tell stands in `core.tracing`."""

    def span(self, stage: Stage, *, trace: str | None = None, after: str | None = None) -> AbstractContextManager[Span]:
        """A span around a block, in the trace with this id or in one of its own; `after` is a trace that it came of."""


class _Untold:
    """A span that nobody looks at."""

    header: str | None = None

    def tell(self, told: Told, value: int) -> None:
        """Forget it."""


class _NoTracing:
    """Fulfils `Tracing` where it is off."""

    def span(
        self,
        stage: Stage,  # noqa: ARG002
        *,
        trace: str | None = None,  # noqa: ARG002
        after: str | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        """Nothing around the block."""
        return nullcontext(UNTOLD)


UNTOLD: Span = _Untold()
NO_TRACING: Tracing = _NoTracing()


class CrashPoint(StrEnum):
    """Places between two durable steps. A campaign stops the process there; in service they do nothing."""

    RECEIVED = "received"
    INSERTED = "inserted"
    STORED = "stored"
    ACKNOWLEDGED = "acknowledged"
    FORECAST = "forecast"
    PROMPTED = "prompted"
    ANSWER_RECEIVED = "answer_received"
    ANSWER_CHECKED = "answer_checked"
    ANSWER_STORED = "answer_stored"
    OUTBOX_CLAIMED = "outbox_claimed"
    SENT = "sent"
    REPLY_READ = "reply_read"
    REPLY_STORED = "reply_stored"
    CHECKPOINTED = "checkpointed"
    MIGRATING = "migrating"
    FILE_WRITTEN = "file_written"
    FILE_RENAMED = "file_renamed"
    REVOKE_RECEIVED = "revoke_received"
    PERIOD_ROLLED = "period_rolled"


CrashHook = Callable[[CrashPoint], None]


def no_crash(point: CrashPoint) -> None:
    """Go on: what stands at a crash point in service."""
