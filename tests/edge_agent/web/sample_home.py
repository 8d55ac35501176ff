"""A home with one of everything that a page can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from edge_agent.core.catalogue import Product
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import (
    Alert,
    DeviceId,
    Hold,
    ItemId,
    Pack,
    Propose,
    Quarantined,
    QuarantineReason,
    Range,
    Reason,
)
from edge_agent.core.overview import DeviceOverview, ItemOverview
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.said import Said, say
from edge_agent.ports import Clock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.fakes import HomeInMemory
from tests.edge_agent.web.sample_inventory import sample_inventory
from tests.edge_agent.web.samples import (
    sample_estimate,
    sample_forecast,
    sample_intent,
    sample_item,
    sample_offer,
    sample_prices,
    sample_prompt,
    sample_stock_text,
)


def sample_home(clock: Clock) -> HomeInMemory:
    """Four items: one asked about, one put off, one on its way, one that nothing is known of."""
    home = HomeInMemory(clock)
    for known in (_milk(), _detergent(), _washer_fluid(), _coffee()):
        home.known[known.item.id] = known
    home.add(sample_prompt())
    home.add(_put_off())
    for intent in _orders(home):
        home.all_intents[intent.id] = intent
    home.all_devices = _devices()
    home.kept_apart = _kept_apart()
    home.inventory = sample_inventory([known.item for known in home.known.values()])
    return home


SUBSTITUTES = (
    Product(title="Oat drink, 1 L", merchant="grocer", sku="oat-2", pack_amount=1_035.0),
    Product(title="Oat drink for coffee, 0.5 L", merchant="grocer", sku="oat-3", pack_amount=517.5),
    Product(title="Oat drink from round the corner", merchant="corner", sku="oat-9", pack_amount=1_035.0),
)
INSTEAD = sample_offer(sku="oat-2", title="Oat drink, 1 L", instead_of="Whole milk 3.5 %, 1 L")


def _milk() -> ItemOverview:
    item = sample_item("milk", "Milk", unit="g", pack=1_035.0, title="Whole milk 3.5 %, 1 L", device="fridge", room=6)
    item = item.model_copy(update={"substitutes": SUBSTITUTES})
    decision = Propose(
        item=ItemId("milk"),
        packs=4,
        order_by=NOW + timedelta(hours=20),
        days_of_cover=6.4,
        reasons=sample_prompt().reasons,
    )
    return ItemOverview(
        item=item,
        estimate=sample_estimate(
            "milk", unit="g", amount=Range(1_240.0, 1_080.0, 1_400.0), use=Range(640.0, 520.0, 790.0), trust=0.91
        ),
        forecast=sample_forecast("milk", days_to_empty=(1.2, 1.4, 1.95, 2.9, 3.3)),
        decision=decision,
        prices=sample_prices(
            "milk",
            minor=(429, 419, 419, 405, 405, 429, 399, 399, 399, 409),
            pack=Pack("Whole milk 3.5 %, 1 L", 1_035.0, "g"),
        ),
    )


def _detergent() -> ItemOverview:
    item = sample_item(
        "detergent", "Laundry detergent", unit="mL", pack=500.0, title="Liquid detergent 500 mL", device="washer"
    )
    return ItemOverview(
        item=item,
        estimate=sample_estimate(
            "detergent", unit="mL", amount=Range(390.0, 350.0, 430.0), use=Range(31.0, 22.0, 44.0), trust=0.66
        ),
        forecast=sample_forecast("detergent", days_to_empty=(7.0, 8.5, 12.6, 18.0, 21.0)),
        decision=Hold(ItemId("detergent"), (Reason("snoozed", "You put the question off."),)),
        prices=sample_prices("detergent", minor=(649, 649, 649)),
    )


def _washer_fluid() -> ItemOverview:
    item = sample_item(
        "washer_fluid", "Washer fluid", unit="mL", pack=2_500.0, title="Screen wash, ready mixed 2.5 L", device="car"
    )
    return ItemOverview(
        item=item,
        estimate=sample_estimate(
            "washer_fluid", unit="mL", amount=Range(4_100.0, 3_900.0, 4_350.0), use=Range(60.0, 20.0, 110.0), trust=0.82
        ),
        forecast=sample_forecast("washer_fluid", days_to_empty=(30.0, 37.0, 66.0, 140.0, 190.0)),
        decision=Hold(ItemId("washer_fluid"), (Reason("on_order", "2.5 L are on order."),)),
        prices=sample_prices("washer_fluid", minor=(899, 949)),
    )


def _coffee() -> ItemOverview:
    item = sample_item("coffee", "Coffee beans", unit="g", pack=1_000.0, title="House blend 1 kg", device="machine")
    text = say("{item}: {device} has told nothing new for {hours} hours.", item=item.name, device="machine", hours=96)
    silent = Alert(ItemId("coffee"), (Reason("stock_stale", text),))
    return ItemOverview(item=item, decision=silent)


def _detergent_text() -> Said:
    first, last = date(2026, 3, 10), date(2026, 3, 20)
    return sample_stock_text("Laundry detergent", left="0.4", a_day="0.1", first=first, last=last)


def _put_off() -> PromptRecord:
    asked = sample_prompt(
        "p-detergent", item="detergent", offer=sample_offer("detergent", unit_price_minor=649, packs=1)
    )
    return replace(
        asked,
        state=PromptState.SNOOZED,
        wake_at=NOW + timedelta(hours=11),
        answered_by="robin",
        reasons=(Reason("stock", _detergent_text()),),
    )


def _orders(home: HomeInMemory) -> list[IntentRecord]:
    """One under way, one delivered, one refused."""
    ends = (
        ("p-fluid", "washer_fluid", IntentState.SHIPPED, {"merchant_order_id": "ORD-20418"}, 1),
        ("p-old", "milk", IntentState.DELIVERED, {"charged_minor": 2_015, "detail": "seen_by_sensor"}, 9),
        ("p-older", "detergent", IntentState.REJECTED, {"detail": "out_of_stock"}, 14),
    )
    orders = []
    for ident, item, state, changes, days in ends:
        at = NOW - timedelta(days=days)
        offer = INSTEAD if ident == "p-old" else None
        asked = home.add(
            replace(sample_prompt(ident, item=item, offer=offer), state=PromptState.APPROVED, created_at=at)
        )
        orders.append(sample_intent(asked, state=state, at=at, **changes))
    return orders


def _devices() -> list[DeviceOverview]:
    return [
        DeviceOverview(DeviceId("fridge"), "restock.fridge", "1.4.0", online=True, seen_at=NOW - timedelta(minutes=4)),
        DeviceOverview(DeviceId("washer"), "samsung.washer", None, online=None, seen_at=NOW - timedelta(hours=7)),
        DeviceOverview(DeviceId("car"), "restock.vehicle", "0.9.2", online=False, seen_at=NOW - timedelta(days=1)),
    ]


def _kept_apart() -> list[Quarantined]:
    found = (
        (
            QuarantineReason.OUT_OF_RANGE,
            "milk = -312.0 g, allowed 0 to 20000",
            b'{"device":"fridge","seq":88,"values":{}}',
        ),
        (QuarantineReason.WRONG_TIME, "at = 1970-01-01T00:00:11Z", b'{"device":"fridge","at":"1970-01-01T00:00:11Z"}'),
        (QuarantineReason.MALFORMED, "not JSON at byte 0", b"\xff\xfe<script>alert(1)</script>"),
    )
    return [
        Quarantined(
            topic="restock/v1/home/fridge/reading",
            device=DeviceId("fridge"),
            reason=reason,
            detail=detail,
            payload=payload,
            size_bytes=len(payload),
            digest="0" * 64,
            received_at=NOW - timedelta(hours=2 + i),
            duplicate=False,
        )
        for i, (reason, detail, payload) in enumerate(found)
    ]
