"""What the household keeps and buys: items, the product bound to each, and its preferences.

Documents that people may read and edit, so they are strict: an unknown or wrong field is named in the error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from math import floor, isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from stdnum import ean

from edge_agent.core.units import countable, uncountable

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
Mode = Literal["shadow", "ask", "auto"]
IfUnanswered = Literal["asked_again", "left_alone"]
BindingKind = Literal["level", "counter", "run_time", "flag"]
Choosing = Literal["as_listed", "best_offer"]
Allergen = Literal[
    "gluten", "crustaceans", "eggs", "fish", "peanuts", "soybeans", "milk", "nuts", "celery", "mustard", "sesame",
    "sulphites", "lupin", "molluscs",
]  # fmt: skip
ALLERGENS_MAX = 14
SUBSTITUTES_MAX = 4
MORE_BINDINGS_MAX = 7
RANGES_MAX = 50
PLACES_MAX = 8  # each merchant is asked for its prices at every one of them, once a day
PLACE_CHARS_MAX = 24  # it stands in a button on a car's screen
MERCHANTS_MAX = 20
MONEY_MAX = 1_000_000_000
DELIVERY_CO2E_MAX_G = 100_000
SOURCE_CHARS_MAX = 200
Holding = Literal["run_out_rarely", "balanced", "hold_little"]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_RANGE_MAX = timedelta(days=366)


def _with_check_digit(gtin: str) -> str:
    if not ean.is_valid(gtin):
        raise ValueError("the GS1 check digit is wrong")
    return gtin


Amount = Annotated[float, Field(gt=0, le=1e6)]
_STEP_OF: dict[str, BindingKind] = {
    "amount_per_count": "counter",
    "amount_per_hour": "run_time",
    "low_amount": "flag",
}
_STEP_MEANS = {
    "amount_per_count": "how much of the item, in its unit, one count uses",
    "amount_per_hour": "how much of the item, in its unit, an hour of running uses",
    "low_amount": "how much is left, in the item's unit, when the device warns",
}
Gtin14 = Annotated[str, StringConstraints(pattern=r"^[0-9]{14}$"), AfterValidator(_with_check_digit)]


class Document(BaseModel):
    """Strict, closed and frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Product(Document):
    """What is bought: one pack at one merchant. `pack_amount` is in the item's unit.

    `order_multiple`: it is sold in so many packs at once, or a multiple of them. `merchant` and `sku` (the article
    number there) are both "" where nobody is known who could order it: then it is watched, and never ordered.
    `allergens` are all that it has by its label: an empty list is none, and None is not known.
    """

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    merchant: Annotated[str, StringConstraints(pattern=r"^([a-z0-9_-]{1,64})?$")] = ""
    sku: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9._:-]{1,64})?$")] = ""
    gtin14: Gtin14 | None = None
    pack_amount: Annotated[float, Field(gt=0, le=1e6)]
    order_multiple: Annotated[int, Field(ge=1, le=99)] = 1
    allergens: Annotated[tuple[Allergen, ...], Field(max_length=ALLERGENS_MAX, strict=False)] | None = None

    @model_validator(mode="after")
    def _whole_or_no_article(self) -> Self:
        if bool(self.merchant) != bool(self.sku):
            raise ValueError("merchant and sku go together: name both, or neither where nobody can order it yet")
        return self

    @property
    def can_be_ordered(self) -> bool:
        """Whether anybody is named who could."""
        return bool(self.merchant)


class Binding(Document):
    """Which signal of which device tells the stock of an item, and what it says of it. Amounts are in the item's unit.

    `device` is the id of a Restock-native device, or `family.name` for one that is read through a profile. `kind`:

    - `level`: how much there is. `full_amount` is what 100 % means, for a signal in percent.
    - `counter`: each count (a wash, a page, a kilometre) uses `amount_per_count`.
    - `run_time`: each hour of running uses `amount_per_hour`.
    - `flag`: it says "nearly empty" when `low_amount` is left.

    A counter or run time that starts at 0 with each fresh part tells what is left too: `full_amount` is then what a
    fresh part holds. Bindings of one `container` tell of the same goods; without one, each device is its own.
    """

    device: Annotated[str, StringConstraints(pattern=r"^([a-z0-9_]{1,62}\.)?[a-z0-9_-]{1,64}$")]
    signal: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")]
    full_amount: Amount | None = None
    kind: BindingKind = "level"
    amount_per_count: Amount | None = None
    amount_per_hour: Amount | None = None
    low_amount: Amount | None = None
    container: Id | None = None

    @model_validator(mode="after")
    def _says_what_one_step_means(self) -> Self:
        for field, kind in _STEP_OF.items():
            told = getattr(self, field) is not None
            if kind == self.kind and not told:
                raise ValueError(f"kind {kind!r} needs {field}: {_STEP_MEANS[field]}")
            if kind != self.kind and told:
                raise ValueError(f"{field} is for kind {kind!r}, and this is a {self.kind!r}: take one of them away")
        if self.kind == "flag" and self.full_amount is not None:
            raise ValueError("full_amount is not for kind 'flag': a flag says low_amount only")
        return self

    @property
    def holder(self) -> str:
        """The name of the container that it tells of."""
        return self.container or self.device


class Item(Document):
    """One thing that the household keeps in stock.

    `unit` is UCUM, and one that goods are counted in (`g`, `mL`, `{pad}`). `room_packs` is how many packs the home has
    room for, the one in use included; `min_packs` is what it never wants to go below. `prior_use_per_day` is the
    household's own guess, in `unit`, used until the sensors know better. `substitutes` may be bought where `product`
    cannot be had, the first one first; their packs count for the same stock.

    An item whose product names no merchant is in `shadow`: it is watched and told of, and nothing can be ordered.

    `more_bindings` are other sensors of the same stock, and other appliances that draw from the same shelf. Without any
    `binding` the item is replenished on a cycle: `cycle_days` is how many days a pack lasts, from which the guess of
    use follows. A sealed pack keeps `best_before_d` days from when it came, an open one `opened_for_d` days; None: it
    does not spoil.

    `choice` says which of its products is bought: `as_listed` the bound one, and a substitute where that cannot be had;
    `best_offer` the one that is here in time for the least, of all of them.

    `if_unanswered` says what comes of a question that nobody answers, and buys nothing, ever: `asked_again` while it is
    needed, at first after half a day and then more and more rarely; `left_alone` until the stock was refilled.
    """

    id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    category: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
    unit: Annotated[str, StringConstraints(min_length=1, max_length=16)]
    product: Product
    binding: Binding | None = None
    mode: Mode = "ask"
    min_packs: Annotated[float, Field(ge=0, le=99)] = 0.0
    room_packs: Annotated[int, Field(ge=1, le=99)] = 2
    prior_use_per_day: Annotated[float, Field(gt=0, le=1e6)]
    substitutes: Annotated[tuple[Product, ...], Field(max_length=SUBSTITUTES_MAX, strict=False)] = ()
    more_bindings: Annotated[tuple[Binding, ...], Field(max_length=MORE_BINDINGS_MAX, strict=False)] = ()
    cycle_days: Annotated[float, Field(gt=0, le=3_650)] | None = None
    best_before_d: Annotated[float, Field(gt=0, le=36_500)] | None = None
    opened_for_d: Annotated[float, Field(gt=0, le=36_500)] | None = None
    if_unanswered: IfUnanswered = "asked_again"
    choice: Choosing = "as_listed"

    @field_validator("unit")
    @classmethod
    def _can_be_left(cls, unit: str) -> str:
        if not countable(unit):
            raise ValueError(uncountable(unit))
        return unit

    @model_validator(mode="before")
    @classmethod
    def _guess_from_cycle(cls, told: Any) -> Any:  # noqa: ANN401  # whatever a file holds; the fields judge it
        """A stated cycle says the use a day where no guess is given."""
        if not isinstance(told, Mapping) or told.get("prior_use_per_day") is not None:
            return told
        cycle_days, product = told.get("cycle_days"), told.get("product")
        pack = product.get("pack_amount") if isinstance(product, Mapping) else getattr(product, "pack_amount", None)
        days, amount = _positive(cycle_days), _positive(pack)
        return told if days is None or amount is None else {**told, "prior_use_per_day": min(1e6, amount / days)}

    @model_validator(mode="after")
    def _some_way_to_know(self) -> Self:
        if self.binding is None and self.more_bindings:
            raise ValueError("more_bindings without a binding: name the first of them as binding")
        if self.binding is None and self.cycle_days is None:
            raise ValueError("neither binding nor cycle_days: name its sensor, or say how many days a pack lasts")
        named = {(bound.device, bound.signal) for bound in self.bindings}
        if len(named) < len(self.bindings):
            raise ValueError("a signal is bound twice: take one of the bindings away")
        return self

    @model_validator(mode="after")
    def _least_fits_the_room(self) -> Self:
        if self.min_packs >= self.room_packs:
            raise ValueError(f"min_packs must be below room_packs ({self.room_packs}), or it is asked for all the time")
        return self

    @model_validator(mode="after")
    def _watched_where_nobody_can_order(self) -> Self:
        if not self.product.can_be_ordered and self.mode != "shadow":
            raise ValueError(f"mode {self.mode!r} needs a product with a merchant: name one, or set mode to 'shadow'")
        if self.substitutes and not all(product.can_be_ordered for product in self.products):
            raise ValueError(
                "substitutes are for what is ordered: name a merchant for the product and for each of them"
            )
        return self

    @model_validator(mode="after")
    def _one_product_once(self) -> Self:
        named = {(product.merchant, product.sku) for product in self.products}
        if len(named) < len(self.products):
            raise ValueError("a product stands twice: each substitute is another one")
        return self

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Every sensor of its stock, the first one first; empty for an item on a cycle."""
        return () if self.binding is None else (self.binding, *self.more_bindings)

    @property
    def products(self) -> tuple[Product, ...]:
        """What may be bought for it: the bound product, then its substitutes."""
        return (self.product, *self.substitutes)

    def bound_to(self, product: Product) -> Item:
        """The same item as it would be with another of its products bound."""
        return self.model_copy(update={"product": product, "room_packs": self.room_for(product), "substitutes": ()})

    def room_for(self, product: Product) -> int:
        """How many packs of a product the home has room for; one at least."""
        return max(1, floor(self.room_packs * self.product.pack_amount / product.pack_amount + 1e-6))


class DateRange(Document):
    """Days of the household's calendar, the first and the last included."""

    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError("last is before first: the days go from the first to the last, both included")
        if self.last - self.first > _RANGE_MAX:
            raise ValueError(f"longer than {_RANGE_MAX.days} days: name the days that you know of")
        return self

    def covers(self, day: date) -> bool:
        """Whether a day is one of them."""
        return self.first <= day <= self.last


class QuietHours(Document):
    """From when until when nothing is asked, by the clock on the wall, such as `22:00` to `07:00`."""

    start: ClockTime
    end: ClockTime

    @model_validator(mode="after")
    def _some_time_is_left(self) -> Self:
        if self.start == self.end:
            raise ValueError("start and end are the same: leave quiet_hours out, or name two times")
        return self


class FreeDelivery(Document):
    """From which total on a merchant delivers for nothing, in minor units of the household's currency."""

    merchant: Id
    from_minor: Annotated[int, Field(ge=1, le=MONEY_MAX)]


# As `cloud_bridge.wire` has them. Some ask something of the household: to be there at once, or to go and fetch it.
DeliveryKind = Literal["instant", "same_day", "standard", "pick_up_point", "nearest_store"]
OnRequest = Literal["instant", "pick_up_point", "nearest_store"]
ON_REQUEST: frozenset[DeliveryKind | None] = frozenset(("instant", "pick_up_point", "nearest_store"))
ACCEPTS_MAX = 3
CO2E_MAX = 6


class DeliveryCarbon(Document):
    """What a delivery of one kind emits, in grams of CO2 equivalent, as `source` says; without a kind, any of them."""

    kind: DeliveryKind | None = None
    grams: Annotated[int, Field(ge=0, le=DELIVERY_CO2E_MAX_G)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=SOURCE_CHARS_MAX)]


class MerchantSaid(Document):
    """What the household says of one merchant, which the merchant itself does not tell. Minor units of its currency.

    `free_from_minor` is the total of goods from which it delivers for nothing, and below `minimum_minor` it takes no
    order. Goods come by a kind of delivery that asks something of the household only where `accepts` names it.
    """

    merchant: Id
    free_from_minor: Annotated[int, Field(ge=1, le=MONEY_MAX)] | None = None
    minimum_minor: Annotated[int, Field(ge=1, le=MONEY_MAX)] | None = None
    accepts: Annotated[tuple[OnRequest, ...], Field(max_length=ACCEPTS_MAX)] = ()
    co2e: Annotated[tuple[DeliveryCarbon, ...], Field(max_length=CO2E_MAX)] = ()

    @model_validator(mode="after")
    def _one_figure_a_kind(self) -> Self:
        if len({each.kind for each in self.co2e}) < len(self.co2e):
            raise ValueError("co2e names a kind of delivery twice: give one figure for each, with its source")
        return self


class Preferences(Document):
    """How the household wants to be asked and served.

    `hold_s` is how long an approval can be taken back before it is sent; `mandate_hold_s` is the same for an order that
    a mandate gave leave for, where nobody was asked.

    `stock` says what is worse, to run out or to hold much; `service_level`, where it is given, sets the chance of
    getting through a lead time by itself. `lead_time_d` counts until a merchant's own orders show better. No question
    is opened in `quiet_hours`, and none within `prompt_gap_h` of the last one unless it cannot wait. `away`, `guests`
    and `as_usual` are days that the household has told of; with `notice_changes` the hub asks when use says so by
    itself. `budget_minor` is what orders may cost in a `budget_period`: beyond it nothing is ordered unasked.
    `product_advice` allows a word about a product that fits better, `personal_advice` one from personal devices.
    Nothing that has one of `avoid_allergens`, or whose allergens are not known, is bought instead of a bound product.
    `delivery_co2e_g` is what one delivery emits, in grams of CO2 equivalent, as `delivery_co2e_source` says; the report
    reckons with it, and there is no default because it depends on carrier, vehicle and distance. `merchants` is what is
    known of each merchant beside its prices; a sum in `free_delivery` counts where none is said of its merchant there.
    """

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    delivery_ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "home"
    lead_time_d: Annotated[int, Field(ge=0, le=30)] = 2
    cover_days: Annotated[int, Field(ge=1, le=60)] = 7
    stock: Holding = "balanced"
    service_level: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    price_tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    hold_s: Annotated[int, Field(ge=0, le=86_400)] = 120
    mandate_hold_s: Annotated[int, Field(ge=0, le=86_400)] = 1_800
    quiet_hours: QuietHours | None = None
    prompt_gap_h: Annotated[int, Field(ge=0, le=168)] = 12
    away: Annotated[tuple[DateRange, ...], Field(max_length=RANGES_MAX)] = ()
    guests: Annotated[tuple[DateRange, ...], Field(max_length=RANGES_MAX)] = ()
    as_usual: Annotated[tuple[DateRange, ...], Field(max_length=RANGES_MAX)] = ()
    notice_changes: bool = True
    budget_minor: Annotated[int, Field(ge=1, le=MONEY_MAX)] | None = None
    budget_period: Literal["WEEKLY", "BIWEEKLY", "MONTHLY", "QUARTERLY", "ANNUALLY"] = "MONTHLY"
    free_delivery: Annotated[tuple[FreeDelivery, ...], Field(max_length=MERCHANTS_MAX)] = ()
    hemisphere: Literal["north", "south"] | None = None
    product_advice: bool = False
    personal_advice: bool = False
    avoid_allergens: Annotated[tuple[Allergen, ...], Field(max_length=ALLERGENS_MAX)] = ()
    delivery_co2e_g: Annotated[int, Field(ge=1, le=DELIVERY_CO2E_MAX_G)] | None = None
    delivery_co2e_source: Annotated[str, StringConstraints(min_length=1, max_length=SOURCE_CHARS_MAX)] | None = None
    merchants: Annotated[tuple[MerchantSaid, ...], Field(max_length=MERCHANTS_MAX)] = ()

    @field_validator("merchants")
    @classmethod
    def _each_merchant_once(cls, merchants: tuple[MerchantSaid, ...]) -> tuple[MerchantSaid, ...]:
        doubled = [name for name, times in Counter(each.merchant for each in merchants).items() if times > 1]
        if doubled:
            raise ValueError(f"merchants names {doubled[0]!r} twice: put what is known of it into one")
        return merchants

    def said_of(self, merchant: str) -> MerchantSaid:
        """What the household says of a merchant."""
        return next((each for each in self.merchants if each.merchant == merchant), MerchantSaid(merchant=merchant))

    def free_from_minor(self, merchant: str) -> int | None:
        """From which total of goods a merchant delivers for nothing; None: not known."""
        older = next((one.from_minor for one in self.free_delivery if one.merchant == merchant), None)
        return self.said_of(merchant).free_from_minor or older


class NamedPlace(Document):
    """A place where an order may be brought on the way: `delivery_ref` is what its merchants know it by.

    Degrees are WGS 84; whoever drives to a point `within_m` of it drives there. `lead_time_d` is how many days an order
    takes to be there; None: as long as it takes to come home. It stands in the household's own file and nowhere else.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=PLACE_CHARS_MAX, pattern=r"^\S(.*\S)?$")]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    within_m: Annotated[float, Field(ge=10, le=5_000)] = 150.0
    delivery_ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    lead_time_d: Annotated[int, Field(ge=0, le=30)] | None = None


class Household(Document):
    """Everything the household declared."""

    items: tuple[Item, ...]
    preferences: Preferences = Preferences()
    places: Annotated[tuple[NamedPlace, ...], Field(max_length=PLACES_MAX)] = ()

    @field_validator("items")
    @classmethod
    def _one_item_an_id(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        doubled = [ident for ident, times in Counter(item.id for item in items).items() if times > 1]
        if doubled:
            raise ValueError(f"the id {doubled[0]!r} stands twice; each item needs one of its own")
        return items

    @field_validator("places")
    @classmethod
    def _one_place_a_name(cls, places: tuple[NamedPlace, ...]) -> tuple[NamedPlace, ...]:
        if len({place.name for place in places}) < len(places):
            raise ValueError("two places have one name: a person could not tell them apart")
        return places

    def item(self, item_id: str) -> Item | None:
        """The item with this id."""
        return next((item for item in self.items if item.id == item_id), None)


def _positive(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return value if value > 0 else None
