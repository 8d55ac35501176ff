"""The records that pass between the hub's stages, frozen, in the order of the path of one message.

No behaviour here beyond what a record can say of itself. Times are aware UTC; amounts carry their UCUM unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, NewType

from edge_agent.core.catalogue import DeliveryKind, Product
from edge_agent.errors import BugError

DeviceId = NewType("DeviceId", str)
ItemId = NewType("ItemId", str)
PromptId = NewType("PromptId", str)
IntentId = NewType("IntentId", str)
MandateId = NewType("MandateId", str)


# --- intake -> decode ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One PUBLISH as it came. `receipt` is what the intake needs to acknowledge it later; opaque to others.

    `whole_bytes` is the size that was published where the intake cut the payload to its limit; None where it is whole.
    `may_have_waited`: it came so soon after the connection was made that nobody can say when it was published.
    """

    topic: str
    payload: bytes
    retained: bool
    duplicate: bool
    received_at: datetime
    receipt: int
    whole_bytes: int | None = None
    may_have_waited: bool = False


class Presence(StrEnum):
    """What a signal says: a value, nothing that can be trusted, or that the part is not there."""

    VALUE = "value"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Direction(StrEnum):
    """Where a signal goes as stock is used (Matter's DegradationDirection)."""

    DOWN = "down"
    UP = "up"


class SignalClass(StrEnum):
    """What kind of evidence a signal is; each is estimated differently."""

    LEVEL = "level"
    COUNTER = "counter"
    RUN_TIME = "run_time"
    FLAG = "flag"


class QuarantineReason(StrEnum):
    """Why a message was kept apart; shown to people, so the list is closed."""

    UNKNOWN_DEVICE = "unknown_device"  # no profile matches the topic, or no birth names one
    MALFORMED = "malformed"  # not decodable as the profile says, wrong types, duplicate keys, bad UTF-8
    TOO_LARGE = "too_large"  # payload, depth or number of fields over the limit
    WRONG_UNIT = "wrong_unit"  # a unit that the profile does not know
    OUT_OF_RANGE = "out_of_range"
    WRONG_TIME = "wrong_time"  # event time outside the window around the hub's own time
    HUB_CLOCK = "hub_clock"  # the same, while the hub doubts its own clock: judged again when it does not
    RETAINED = "retained"  # a retained reading is never fresh evidence
    DEVICE_MISMATCH = "device_mismatch"  # topic and payload name different devices
    FLOODING = "flooding"  # more messages of one device than are taken; what follows at once is not kept either
    SEQUENCE_CONFLICT = "sequence_conflict"  # same device, boot and seq, another body; the first one stands


class Reading(NamedTuple):
    """One signal of one message, in the profile's canonical unit.

    `value` is None unless `presence` is VALUE. `unit` is a UCUM string, "" for flags and states.
    """

    signal: str
    presence: Presence
    value: float | str | None
    unit: str


class Suggestion(NamedTuple):
    """A product that a device names itself for a consumable of its profile; the code's GS1 check digit is right.

    `kind` is `upc`, `gtin8`, `ean` or `gtin14`. For a person to look at; nothing is ever ordered by it alone.
    """

    consumable: str
    kind: str
    code: str


class Decoded(NamedTuple):
    """A message that was understood. (`device`, `boot`, `seq`) is its identity; both None without a sequence.

    `digest` is the SHA-256 of the payload in hex. `event_at` is the device's own time where it gave one. `faults` says
    what contradicted the profile in signals that are therefore unknown; `untold` why others have no value, where the
    decoder was asked to explain. Both are as `signal: why`. A device that sends changes only has readings of what the
    message told; any other has all of its profile's.

    `in_passing` are readings that are never kept (a vehicle's route and motion); `digest` is then that of what is kept.
    `leaves_nothing`: such a message that tells nothing else, of which no row is written either.
    """

    device: DeviceId
    profile: str
    topic: str
    boot: str | None
    seq: int | None
    digest: str
    event_at: datetime
    received_at: datetime
    duplicate: bool
    readings: tuple[Reading, ...]
    faults: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    in_passing: tuple[Reading, ...] = ()
    leaves_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Birth:
    """A device's retained birth certificate: which profile it speaks and which boot this is.

    `first_seq` is the oldest reading of this boot that the device still holds: what is older and not stored is lost.
    """

    device: DeviceId
    profile: str
    firmware: str
    boot: str
    received_at: datetime
    first_seq: int = 1


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """A device's retained state or last will: `online` False when it is gone."""

    device: DeviceId
    online: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that was kept apart, with the reason. `payload` is cut to the store's limit, `size_bytes` is whole.

    `boot` and `seq` are set where the envelope was sound: such a message counts as stored for the device's cursor.
    `is_private`: it may say where a person goes, so `payload` holds no more of it than what may be kept.
    """

    topic: str
    device: DeviceId | None
    reason: QuarantineReason
    detail: str
    payload: bytes
    size_bytes: int
    digest: str
    received_at: datetime
    duplicate: bool
    boot: str | None = None
    seq: int | None = None
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class StoredCursor:
    """For one (device, boot): every seq up to `seq` is stored, or its device no longer had it."""

    device: DeviceId
    boot: str
    seq: int


# --- estimate -> forecast -> decide --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Range:
    """A value with the bounds of its 80 % interval, all in the same unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Refill:
    """A step up that was seen at `at`: a hint until a delivery or a person confirms it.

    `since` is when the old level was still there: somewhere in between the goods came.
    """

    at: datetime
    amount: float
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Part of a stock, in the item's unit, that is good until the end of `best_before`."""

    amount: float
    best_before: date
    opened: bool


@dataclass(frozen=True, slots=True)
class StockEstimate:
    """What is left of one item at `as_of`, in `unit`; None where nothing trustworthy was read yet.

    `amount` is all there is at home: in the devices, and sealed in the cupboard (`cupboard_packs` of the bound
    product). `use_per_day` is in `unit` a day. `trust` is 0 to 1, and `doubts` say in words what lowers it.
    `daily_use` is oldest first, complete days only, in `unit`. `spoils` are the batches that have a date, the earliest
    first. `last_used_on` is the last day on which it was really used, None where none was seen. `is_settling`: the
    level has just changed, and the next readings will tell whether it stays so. `is_told_by_hand`: no sensor has told
    anything yet, so amount and trust are those of what people said.
    """

    item: ItemId
    unit: str
    as_of: datetime
    amount: Range | None
    use_per_day: Range | None
    trust: float
    daily_use: tuple[tuple[date, float], ...]
    refills: tuple[Refill, ...]
    cupboard_packs: float = 0.0
    spoils: tuple[Batch, ...] = ()
    doubts: tuple[Reason, ...] = ()
    last_used_on: date | None = None
    is_settling: bool = False
    is_told_by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantiles of demand, and of days until the stock is empty.

    Shapes: `demand[i][j]` is the demand in packs within `horizons_d[i]` days at probability `quantiles[j]`;
    `days_to_empty[j]` is at the same probabilities. `source` names the artefact version or the built-in rule.
    Empty where no model said it: `days_to_next`, the days until this is bought or finished next, at the same
    probabilities and at most NEXT_DAYS_MAX; `order_chances[d - 1][k - 1]`, the price up to which to order with k packs
    left and d days to wait.
    """

    item: ItemId
    as_of: datetime
    quantiles: tuple[float, ...]
    horizons_d: tuple[int, ...]
    demand: tuple[tuple[float, ...], ...]
    days_to_empty: tuple[float, ...]
    source: str
    days_to_next: tuple[float, ...] = ()
    order_chances: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack was taken for when its price was told: `amount` in `unit` (UCUM) by the household's own list.

    `title` is what the merchant called it then.
    """

    title: str
    amount: float
    unit: str
    gtin14: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A way that goods can come, by the merchant's own name for it; what the merchant does not say is None.

    `price_minor` is what comes on top of the goods, in the price's currency. They come from `earliest_on` to
    `latest_on`, if they were ordered when the price was told. `place` is where a person fetches them.
    """

    id: str
    price_minor: int
    kind: DeliveryKind | None = None
    title: str | None = None
    earliest_on: date | None = None
    latest_on: date | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """One line of the daily price list. Minor units + ISO 4217; `delivery_minor` is for an order of one pack.

    Both are None where the merchant charges nothing, which is a list that the household shops from: what the product
    costs elsewhere nobody knows. `available` False: the merchant has it not in stock, or does not know it; the price
    may then be stale.
    `list_price_minor` is what the merchant calls its usual price, None where it says nothing. `pack` is None for prices
    that were kept before packs were. `deliveries` are the ways that the merchant offers; `delivery` is the one by which
    `delivery_minor` is told here, None: the merchant is left to choose.
    """

    item: ItemId
    merchant: str
    sku: str
    unit_price_minor: int | None
    delivery_minor: int | None
    currency: str
    available: bool
    fetched_at: datetime
    list_price_minor: int | None = None
    pack: Pack | None = None
    deliveries: tuple[Delivery, ...] = ()
    delivery: Delivery | None = None

    def by(self, way: Delivery) -> Price:
        """The same where the goods come this way."""
        return replace(self, delivery_minor=way.price_minor, delivery=way)

    @property
    def charges(self) -> bool:
        """Whether the merchant is paid."""
        return self.unit_price_minor is not None

    @property
    def pack_minor(self) -> int:
        """What a pack costs at a merchant that is paid.

        Raises: BugError at a list: what it costs is not known, and not zero.
        """
        if self.unit_price_minor is None:
            raise BugError(f"article {self.sku} at {self.merchant} has no price")
        return self.unit_price_minor

    def order_minor(self, packs: int) -> int:
        """What is paid for an order of so many packs: nothing at a list."""
        return packs * (self.unit_price_minor or 0) + (self.delivery_minor or 0)


@dataclass(frozen=True, slots=True)
class PriceElsewhere:
    """What a pack costs with delivery to one place. Minor units + ISO 4217; `delivery_minor` is for one pack."""

    unit_price_minor: int
    delivery_minor: int
    currency: str
    available: bool
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a decision was taken: a code for programs and a sentence for the household."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing to do now."""

    item: ItemId
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask the household to buy `packs` of a product, to arrive before `order_by` plus the lead time.

    `product` is the substitute that is proposed; None: the bound product. `must_ask`: a person answers, even where the
    item may be ordered without asking; the reasons say why. It comes by `delivery`; None: as the merchant chooses.
    """

    item: ItemId
    packs: int
    order_by: datetime
    days_of_cover: float
    reasons: tuple[Reason, ...]
    product: Product | None = None
    must_ask: bool = False
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must look at: no fresh readings, no price, an item out of stock at the merchant."""

    item: ItemId
    reasons: tuple[Reason, ...]


Decision = Hold | Propose | Alert
