"""What the household's pages show, gathered: records only, no rules.

They stand in core so that whatever gathers them (the pipeline, the composition root) need not know the pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import LedgerRow, Usage
from edge_agent.core.leave.mandate import MandateRecord
from edge_agent.core.leave.period import Period
from edge_agent.core.messages import Decision, DeviceId, Forecast, Price, StockEstimate
from edge_agent.core.prompt import PromptRecord


@dataclass(frozen=True, slots=True)
class ItemOverview:
    """Everything known about one item now.

    `prompt` and `intent` are the live ones. `prices` are in minor units. In a list of all items they are the newest one
    of each product; of an item by itself they are the history of each product, newest first.
    """

    item: Item
    estimate: StockEstimate | None = None
    forecast: Forecast | None = None
    decision: Decision | None = None
    prompt: PromptRecord | None = None
    intent: IntentRecord | None = None
    prices: tuple[Price, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceOverview:
    """What is known about one device. `online` is None when it never said; `seen_at` is its last stored message."""

    device: DeviceId
    profile: str | None
    firmware: str | None
    online: bool | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoomLeft:
    """How many bytes readings may still take, on the disk and of the size that the store may have; 0: they wait."""

    disk_bytes: int
    store_bytes: int


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """Whether orders get out. `waiting_since` is the age of the oldest order that the bridge has not taken yet.

    One that is not `is_set_up` was never there: nobody has chosen its address, and nothing has ever answered.
    """

    reachable: bool
    waiting_since: datetime | None = None
    last_error: str | None = None
    is_set_up: bool = True


@dataclass(frozen=True, slots=True)
class CancelResult:
    """What became of the wish to take an approval back, and where the order stands.

    `cancelled` False: it was too late; or, at `approved` or `held`, the bridge has not confirmed it yet.
    """

    cancelled: bool
    state: IntentState


@dataclass(frozen=True, slots=True)
class MandateView:
    """A mandate, what it may still spend, and what it drew, newest first (50 at the most).

    `period` and `usage` are those of now; None before its first day and after its last. `left_minor` is what this
    period's budget has left, in minor units of the mandate's currency; 0 where nothing may be drawn.
    """

    record: MandateRecord
    period: Period | None
    usage: Usage | None
    left_minor: int
    draws: tuple[LedgerRow, ...] = ()


@dataclass(frozen=True, slots=True)
class EgressRow:
    """One message that left the home. `body` is what was sent, byte by byte; None where it is no longer kept."""

    id: int
    at: datetime
    purpose: str
    recipient: str
    method: str
    path: str
    size_bytes: int
    sha256: str
    body: bytes | None = None
