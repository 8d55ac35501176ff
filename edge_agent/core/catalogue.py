"""What the household keeps and buys: items, the product bound to each, and its preferences.

Documents that people may read and edit, so they are strict: an unknown or wrong field is named in the error.
"""

from __future__ import annotations

from collections import Counter
from math import floor
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from stdnum import ean

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
Mode = Literal["shadow", "ask", "auto"]
SUBSTITUTES_MAX = 4


def _with_check_digit(gtin: str) -> str:
    if not ean.is_valid(gtin):
        raise ValueError("the GS1 check digit is wrong")
    return gtin


Gtin14 = Annotated[str, StringConstraints(pattern=r"^\d{14}$"), AfterValidator(_with_check_digit)]


class Document(BaseModel):
    """Strict, closed and frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Product(Document):
    """What is bought: one pack at one merchant. `pack_amount` is in the item's unit."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    merchant: Id
    sku: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
    gtin14: Gtin14 | None = None
    pack_amount: Annotated[float, Field(gt=0, le=1e6)]


class Binding(Document):
    """Which signal of which device tells the stock of an item.

    `device` is the id of a Restock-native device, or `family.name` for one that is read through a profile.
    `full_amount` is what 100 % means, for a signal in percent; in the item's unit.
    """

    device: Annotated[str, StringConstraints(pattern=r"^([a-z0-9_]{1,62}\.)?[a-z0-9_-]{1,64}$")]
    signal: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?$")]
    full_amount: Annotated[float, Field(gt=0, le=1e6)] | None = None


class Item(Document):
    """One thing that the household keeps in stock.

    `unit` is UCUM (`g`, `mL`). `room_packs` is how many packs the home has room for, the one in use included.
    `prior_use_per_day` is the household's own guess, in `unit`, used until the sensors know better. `substitutes` may
    be bought where `product` cannot be had, the first one first; their packs count for the same stock.
    """

    id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    category: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
    unit: Annotated[str, StringConstraints(min_length=1, max_length=16)]
    product: Product
    binding: Binding
    mode: Mode = "ask"
    room_packs: Annotated[int, Field(ge=1, le=99)] = 2
    prior_use_per_day: Annotated[float, Field(gt=0, le=1e6)]
    substitutes: Annotated[tuple[Product, ...], Field(max_length=SUBSTITUTES_MAX)] = ()

    @model_validator(mode="after")
    def _one_product_once(self) -> Self:
        named = {(product.merchant, product.sku) for product in self.products}
        if len(named) < len(self.products):
            raise ValueError("a product stands twice: each substitute is another one")
        return self

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


class Preferences(Document):
    """How the household wants to be asked and served.

    `hold_s` is how long an approval can be taken back before it is sent; `mandate_hold_s` is the same for an order that
    a mandate gave leave for, where nobody was asked.
    """

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    delivery_ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "home"
    lead_time_d: Annotated[int, Field(ge=0, le=30)] = 2
    cover_days: Annotated[int, Field(ge=1, le=60)] = 7
    service_level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    price_tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    hold_s: Annotated[int, Field(ge=0, le=86_400)] = 120
    mandate_hold_s: Annotated[int, Field(ge=0, le=86_400)] = 1_800


class Household(Document):
    """Everything the household declared."""

    items: tuple[Item, ...]
    preferences: Preferences = Preferences()

    @field_validator("items")
    @classmethod
    def _one_item_an_id(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        doubled = [ident for ident, times in Counter(item.id for item in items).items() if times > 1]
        if doubled:
            raise ValueError(f"the id {doubled[0]!r} stands twice; each item needs one of its own")
        return items

    def item(self, item_id: str) -> Item | None:
        """The item with this id."""
        return next((item for item in self.items if item.id == item_id), None)
