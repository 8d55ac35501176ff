"""Records that the tests of the pages start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from edge_agent.core.catalogue import Binding, Item, Product
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.terms import Offer, terms_hash
from edge_agent.core.messages import (
    Forecast,
    IntentId,
    ItemId,
    Pack,
    Price,
    PromptId,
    Range,
    Reason,
    Refill,
    StockEstimate,
)
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.said import Day, Said, say
from tests.edge_agent.samples import NOW

_TUESDAY = date(2026, 3, 3)


def sample_item(ident: str, name: str, *, unit: str, pack: float, title: str, device: str, room: int = 2) -> Item:
    """An item of the sample home."""
    return Item(
        id=ident,
        name=name,
        category=ident,
        unit=unit,
        product=Product(title=title, merchant="grocer", sku=f"{ident}-1", pack_amount=pack),
        binding=Binding(device=device, signal=f"{ident}.amount"),
        room_packs=room,
        prior_use_per_day=pack / 5,
    )


def sample_offer(item: str = "milk", *, unit_price_minor: int = 429, packs: int = 4, **changes: object) -> Offer:
    """Binding terms for the sample item."""
    total_minor = unit_price_minor * packs + 299
    offer = Offer(
        merchant="grocer",
        sku=f"{item}-1",
        title="Whole milk 3.5 %, 1 L" if item == "milk" else f"{item}, as usual",
        pack_amount=1_035.0,
        unit="g",
        quantity=packs,
        unit_price_minor=unit_price_minor,
        delivery_minor=299,
        total_minor=total_minor,
        total_max_minor=total_minor * 105 // 100,
        currency="USD",
        delivery_ref="home",
        deliver_by=date(2026, 3, 4),
        expires_at=NOW + timedelta(days=3),
        hold_s=120,
    )
    return replace(offer, **changes)  # type: ignore[arg-type]


def sample_prompt(ident: str = "p-milk", *, item: str = "milk", offer: Offer | None = None) -> PromptRecord:
    """An open question."""
    terms = offer or sample_offer(item)
    return PromptRecord(
        id=PromptId(ident),
        item=ItemId(item),
        state=PromptState.OPEN,
        version=1,
        offer=terms,
        terms_hash=terms_hash(terms),
        days_of_cover=6.4,
        order_by=NOW + timedelta(hours=20),
        reasons=(
            Reason(
                "stock",
                sample_stock_text("Milk", left="1.2", a_day="0.6", first=date(2026, 3, 3), last=date(2026, 3, 5)),
            ),
            Reason("due", _due()),
            Reason("size", say("With {packs} more it should last about {days} days.", packs=_packs("4"), days="6")),
        ),
        created_at=NOW - timedelta(minutes=40),
        changed_at=NOW - timedelta(minutes=40),
    )


def sample_stock_text(item: str, *, left: str, a_day: str, first: date, last: date) -> Said:
    """As `core.deciding.sentences` says it."""
    return say(
        "{item}: about {packs} left, used {rate}; {ends}.",
        item=item,
        packs=_packs(left),
        rate=say("{packs} a day", packs=_packs(a_day)),
        ends=say("runs out between {early} and {late}", early=Day(first), late=Day(last)),
    )


def _due() -> Said:
    return say(
        "You may need {packs} in the {days} days until an order would be here; order by {order_by}.",
        packs=_packs("1.3"),
        days="2",
        order_by=Day(_TUESDAY),
    )


def _packs(number: str) -> Said:
    return say("{number} packs", number=number)


def sample_intent(prompt: PromptRecord, *, state: IntentState, at: datetime, **changes: object) -> IntentRecord:
    """The order that came of a prompt."""
    intent = IntentRecord(
        id=IntentId(f"i-{prompt.id}"),
        prompt=prompt.id,
        item=prompt.item,
        state=state,
        version=1,
        merchant=prompt.offer.merchant,
        quantity=prompt.offer.quantity,
        amount=1_000.0,
        total_minor=prompt.offer.total_minor,
        currency=prompt.offer.currency,
        created_at=at,
        changed_at=at,
    )
    return replace(intent, **changes)  # type: ignore[arg-type]


def sample_prices(item: str, *, minor: Sequence[int], pack: Pack | None = None) -> tuple[Price, ...]:
    """A price a day, newest first."""
    return tuple(
        Price(
            item=ItemId(item),
            merchant="grocer",
            sku=f"{item}-1",
            unit_price_minor=price,
            delivery_minor=299,
            currency="USD",
            available=True,
            fetched_at=NOW - timedelta(days=day, hours=3),
            pack=pack,
        )
        for day, price in enumerate(minor)
    )


def sample_forecast(item: str, *, days_to_empty: tuple[float, ...]) -> Forecast:
    """A forecast at five probabilities."""
    return Forecast(
        item=ItemId(item),
        as_of=NOW - timedelta(minutes=15),
        quantiles=(0.05, 0.1, 0.5, 0.9, 0.95),
        horizons_d=(7,),
        demand=((0.5, 0.8, 1.2, 1.9, 2.2),),
        days_to_empty=days_to_empty,
        source="consumption 2",
    )


def sample_estimate(item: str, *, unit: str, amount: Range | None, use: Range, trust: float) -> StockEstimate:
    """An estimate with four weeks of days."""
    daily = tuple(
        (date(2026, 3, 1) - timedelta(days=27 - day), use.value * (0.55 + 0.13 * ((day * 5) % 7))) for day in range(28)
    )
    return StockEstimate(
        item=ItemId(item),
        unit=unit,
        as_of=NOW - timedelta(minutes=15),
        amount=amount,
        use_per_day=use,
        trust=trust,
        daily_use=daily,
        refills=_refills(amount.value, use.value, daily) if amount is not None else (),
    )


def _refills(left: float, use: float, daily: Sequence[tuple[date, float]]) -> tuple[Refill, ...]:
    """Going back from now: whenever there were five days' use more than now, four days' use had just come."""
    found, level = [], left
    for on, used in reversed(daily):
        level += used
        if level > left + 5 * use:
            found.append(Refill(datetime(on.year, on.month, on.day, 17, 30, tzinfo=UTC), 4 * use))
            level -= 4 * use
    return tuple(reversed(found))
