"""A decision in one file that anybody may read: what it rests on, redacted, and what was decided.

What stays in the bundle is what the rules compute with: what is left and how fast it goes (in packs, not in grams or
millilitres), on which days something was used, the forecast, prices, preferences, times. What does not: readings, what
each day used, names, kinds and ids of items, products, merchants, devices, articles and places. Times stay as they
were, since days away and time zones depend on them: whoever passes a bundle on tells when the hub looked, how fast
something is used, and when the household said it was away.

`replay` makes the decision again with the rules of the program that reads the bundle, and says what differs. What the
rest of the home did to a decision (quiet hours, what is asked together) is not part of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edge_agent.core.catalogue import Binding, FreeDelivery, Item, Preferences, Product
from edge_agent.core.decide import weigh
from edge_agent.core.deciding.back_off import Quiet
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.messages import (
    Alert,
    Batch,
    Decision,
    Delivery,
    Forecast,
    Hold,
    ItemId,
    Price,
    Propose,
    Range,
    Reason,
    StockEstimate,
)
from edge_agent.errors import RefusedError

BUNDLE_BYTES_MAX = 262_144
FORM = "restock.decision"
_ITEM, _SENSOR, _MERCHANT, _SKU = "item", "sensor", "merchant", "article"
_PACKS = "{pack}"
_ANY_WAY = Delivery(id="way", price_minor=0)


class Decided(BaseModel):
    """What was decided, as far as another run must agree."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    kind: Literal["hold", "propose", "alert"]
    codes: tuple[str, ...]
    texts: tuple[str, ...]
    packs: int | None = None
    order_by: str | None = None
    days_of_cover: float | None = None
    must_ask: bool = False


class _Bundle(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    form: Literal["restock.decision"]
    version: Literal[1]
    program: Annotated[str, Field(max_length=40)]
    case: Situation
    decided: Decided


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a bundle says was decided, and by which program; what is decided now; and what differs, in words."""

    program: str
    then: Decided
    now: Decided
    differs: tuple[str, ...]


def bundle(case: Situation, *, program: str) -> bytes:
    """The bundle of a decision, as JSON in UTF-8; `program` is the version that made it."""
    redacted = redact(case)
    document = {
        "form": FORM,
        "version": 1,
        "program": program,
        "case": _cases().dump_python(redacted, mode="json"),
        "decided": decided(weigh(redacted).decision).model_dump(mode="json"),
    }
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()


def replay(said: bytes) -> Replayed:
    """The decision of a bundle, made again.

    Raises: RefusedError when it is no bundle, saying why.
    """
    if len(said) > BUNDLE_BYTES_MAX:
        raise RefusedError(f"a bundle has {BUNDLE_BYTES_MAX} bytes at the most; this is something else")
    try:
        read = _Bundle.model_validate_json(said)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RefusedError(f"not a decision bundle of this program: {where}: {first['msg']}") from exc
    if not _is_table(read.case.forecast):
        raise RefusedError("this bundle's forecast has rows of other lengths than its quantiles and horizons")
    try:
        again = decided(weigh(read.case).decision)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as exc:
        raise RefusedError(f"this bundle's numbers do not fit together: {exc}") from exc
    return Replayed(
        program=read.program, then=read.decided, now=again, differs=tuple(_differences(read.decided, again))
    )


def decided(decision: Decision) -> Decided:
    """A decision as it stands in a bundle."""
    codes = tuple(reason.code for reason in decision.reasons)
    texts = tuple(reason.text for reason in decision.reasons)
    match decision:
        case Hold():
            return Decided(kind="hold", codes=codes, texts=texts)
        case Alert():
            return Decided(kind="alert", codes=codes, texts=texts)
        case Propose():
            return Decided(
                kind="propose",
                codes=codes,
                texts=texts,
                packs=decision.packs,
                order_by=decision.order_by.isoformat(timespec="minutes"),
                days_of_cover=decision.days_of_cover,
                must_ask=decision.must_ask,
            )


def redact(case: Situation) -> Situation:
    """The same situation without names, and with amounts in packs of the bound product."""
    item = case.item
    pack = item.product.pack_amount
    product = _product(item.product, pack=pack, title="product")
    substitute = None if case.substitute is None else _product(case.substitute, pack=pack, title="substitute")
    return replace(
        case,
        item=_item(item, product=product),
        estimate=_estimate(case.estimate, pack=pack),
        forecast=_forecast(case.forecast),
        price=None if case.price is None else _price(case.price, is_bound=substitute is None),
        preferences=_preferences(case.preferences),
        presence=_presence(case.presence),
        quiet=None if case.quiet is None else Quiet(case.quiet.until, _plain(case.quiet.reason)),
        substitute=substitute,
    )


def _item(item: Item, *, product: Product) -> Item:
    pack = item.product.pack_amount
    sensor = Binding(device=_SENSOR, signal="level") if item.binding is not None else None
    return Item(
        id=_ITEM,
        name="The item",
        category=_ITEM,
        unit=_PACKS,
        product=product,
        binding=sensor,
        mode=item.mode,
        min_packs=item.min_packs,
        room_packs=item.room_packs,
        prior_use_per_day=item.prior_use_per_day / pack,
        cycle_days=item.cycle_days,
        best_before_d=item.best_before_d,
        opened_for_d=item.opened_for_d,
    )


def _product(product: Product, *, pack: float, title: str) -> Product:
    return Product(
        title=title,
        merchant=_MERCHANT,
        sku=_SKU if title == "product" else f"{_SKU}-2",
        pack_amount=product.pack_amount / pack,
        order_multiple=product.order_multiple,
    )


def _estimate(estimate: StockEstimate, *, pack: float) -> StockEstimate:
    return replace(
        estimate,
        item=ItemId(_ITEM),
        unit=_PACKS,
        amount=_scaled(estimate.amount, pack=pack),
        use_per_day=_scaled(estimate.use_per_day, pack=pack),
        daily_use=tuple((day, 1.0 if used > 0 else 0.0) for day, used in estimate.daily_use),
        refills=(),
        spoils=tuple(Batch(one.amount / pack, one.best_before, one.opened) for one in estimate.spoils),
        doubts=tuple(_plain(reason) for reason in estimate.doubts),
    )


def _scaled(value: Range | None, *, pack: float) -> Range | None:
    return None if value is None else Range(value.value / pack, value.low / pack, value.high / pack)


def _forecast(forecast: Forecast) -> Forecast:
    return replace(forecast, item=ItemId(_ITEM))


def _price(price: Price, *, is_bound: bool) -> Price:
    sku = _SKU if is_bound else f"{_SKU}-2"
    return replace(
        price,
        item=ItemId(_ITEM),
        merchant=_MERCHANT,
        sku=sku,
        list_price_minor=None,
        pack=None,
        deliveries=(_ANY_WAY,) if price.deliveries else (),
        delivery=None if price.delivery is None else _ANY_WAY,
    )


def _preferences(preferences: Preferences) -> Preferences:
    free = tuple(FreeDelivery(merchant=_MERCHANT, from_minor=one.from_minor) for one in preferences.free_delivery)
    hidden = {"delivery_ref": "home", "free_delivery": free, "avoid_allergens": (), "merchants": ()}
    return preferences.model_copy(update=hidden)


def _presence(presence: Presence) -> Presence:
    return replace(presence, preferences=_preferences(presence.preferences))


def _plain(reason: Reason) -> Reason:
    """A reason that others worded, by its code alone: it may hold names."""
    return Reason(reason.code, f"({reason.code})")


def _is_table(forecast: Forecast) -> bool:
    columns = len(forecast.quantiles)
    rows = (*forecast.demand, forecast.days_to_empty)
    return columns > 0 and 0 < len(forecast.horizons_d) == len(forecast.demand) and {*map(len, rows)} == {columns}


def _differences(then: Decided, now: Decided) -> list[str]:
    """Each field that is another one, in words."""
    fields = {name: (getattr(then, name), getattr(now, name)) for name in Decided.model_fields}
    return [f"{name}: {before!r} then, {after!r} now" for name, (before, after) in fields.items() if before != after]


@cache
def _cases() -> TypeAdapter[Situation]:
    return TypeAdapter(Situation)
