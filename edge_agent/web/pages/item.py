"""One item: what is left, when it runs out, why the hub does what it does, what it costs, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.responses import Response

from edge_agent.core.leave.covering import fitting
from edge_agent.core.leave.mandate import MandateRecord
from edge_agent.core.messages import DeviceId, ItemId, Price, Propose
from edge_agent.core.overview import ItemOverview
from edge_agent.core.said import Said
from edge_agent.web.asking.arrival import arrivals
from edge_agent.web.asking.price_check import of_item
from edge_agent.web.items import charts
from edge_agent.web.items.history import ROWS_MAX, HistoryRow, history
from edge_agent.web.moments import Moments, days_range
from edge_agent.web.order_rows import OrderRow, is_withdrawn, row
from edge_agent.web.outlook import Outlook, chance_empty_by, days_at, outlook
from edge_agent.web.pages.devices import KeptApartRow, kept_apart
from edge_agent.web.pages.home import full_amount, likely, stock_bar
from edge_agent.web.visit import Visit
from edge_agent.web.wording import MODES, amounts

_HINTS_MAX = 3
_LABELS_MAX = 6
_ORDERS_MAX = 100  # of all items, of which this one's are looked for
_HALVES_MAX = 6  # up to 3 packs one may tell a half; beyond that nobody looks so closely
_COUNT_MAX = 9
_OLD_PRICE = timedelta(days=3)
_BANDS = (0.1, 0.25)  # eight cases in ten, and every second
_CHANCES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class OrderBy:
    """From when to when to order: `first` is in time nine times in ten, `last` once in ten.

    `is_late`: even today is not in time nine times in ten; `chance` is then how likely it is empty before a delivery
    that is ordered now. `asked` is the day that the hub names, where it asks.
    """

    first: datetime
    last: datetime
    lead_d: int
    is_late: bool
    chance: Said | None
    asked: datetime | None


@dataclass(frozen=True, slots=True)
class PriceTrouble:
    """Why there is no price to go by, and what to do."""

    code: Literal["away", "nobody", "none_set_up", "no_merchant", "no_price", "old", "sold_out"]
    at: datetime | None = None


async def show(visit: Visit) -> Response:
    """Everything about one item."""
    return page(visit)


def page(
    visit: Visit,
    *,
    errors: Mapping[str, str] | None = None,
    form: Literal["stock", "mode"] = "stock",
    typed_mode: str | None = None,
) -> Response:
    """The page, with what was wrong in one of its forms."""
    overview, moments = visit.site.parts.overview, visit.site.moments
    known = overview.item(ItemId(visit.path_id("item")))
    if known is None:
        raise HTTPException(404)
    ahead = outlook(known)
    bound = (known.item.product.merchant, known.item.product.sku)
    told = [price for price in known.prices if (price.merchant, price.sku) == bound]
    lead_d = round(arrivals(visit).lead(known.item.product.merchant).mean_d)
    amount = likely(known)
    uses = known.estimate.daily_use[-charts.USE_DAYS_MAX :] if known.estimate else ()
    return visit.page(
        "item.html",
        status=422 if errors else 200,
        known=known,
        item=known.item,
        mode=MODES[known.item.mode],
        bar=stock_bar(known),
        likely=amounts(amount.low, amount.high, known.item.unit) if amount else None,
        lasts=days_range(*ahead.left_d(moments.now())) if ahead else None,
        run_out=ahead.dates() if ahead else None,
        order_by=_order_by(known, ahead, lead_d=lead_d, now=moments.now()) if ahead else None,
        stock_chart=_stock_chart(known, ahead, moments, lead_d=lead_d) if ahead else None,
        chances=_chances(known),
        use_chart=charts.use_chart(uses, unit=known.item.unit, name=moments.day),
        use_days=uses,
        is_listed=bool(told) and not told[0].charges,
        trouble=_trouble(visit, told, merchant=known.item.product.merchant),
        price_check=of_item(known, name=moments.day),
        history=_history(visit, known),
        ended=_ended(visit, known),
        labels=visit.site.parts.stock.labels(ItemId(known.item.id), limit=_LABELS_MAX),
        hints=_hints(visit, known),
        advice=visit.site.parts.decisions.advice(ItemId(known.item.id)),
        shadow=visit.site.parts.decisions.shadow(ItemId(known.item.id)) if known.item.mode == "shadow" else None,
        errors=(errors or {}) if form == "stock" else {},
        typed_packs=visit.form.get("packs", "") if errors and form == "stock" else "",
        mode_errors=(errors or {}) if form == "mode" else {},
        modes=[(value, *words) for value, words in MODES.items()],
        chosen_mode=typed_mode or known.item.mode,
        covering=_covering(visit, known),
        counts=_counts(known),
        refresh=not errors,
    )


def _ended(visit: Visit, known: ItemOverview) -> OrderRow | None:
    """The last order, where it came to nothing in a way that somebody may want to see to."""
    parts = visit.site.parts
    last = next((one for one in parts.overview.intents(limit=_ORDERS_MAX) if one.item == known.item.id), None)
    if last is None or not parts.after_all.may_want(last):
        return None
    shown = row(last, parts.overview, now=parts.clock.now())
    waits = shown.problem is not None and shown.problem.waits
    return shown if waits or is_withdrawn(last) else None


def _covering(visit: Visit, known: ItemOverview) -> MandateRecord | None:
    """The mandate by which it would be ordered."""
    records = (view.record for view in visit.site.parts.mandates.all())
    return fitting(known.item, records, now=visit.site.parts.clock.now())


def _counts(known: ItemOverview) -> list[tuple[str, str]]:
    """Numbers of packs to tap on, with how they are written: halves while there are few, as far as there is room."""
    halves = min(2 * known.item.room_packs, _HALVES_MAX)
    few = [half / 2 for half in range(halves + 1)]
    more = [float(packs) for packs in range(halves // 2 + 1, min(known.item.room_packs, _COUNT_MAX) + 1)]
    return [(f"{packs:g}", _written(packs)) for packs in (*few, *more)]


def _written(packs: float) -> str:
    whole = int(packs)
    return str(whole) if packs == whole else f"{whole or ''}½"


def _hints(visit: Visit, known: ItemOverview) -> list[KeptApartRow]:
    """The newest messages of its sensors that were kept apart."""
    overview = visit.site.parts.overview
    devices = dict.fromkeys(DeviceId(bound.device) for bound in known.item.bindings)
    apart = [message for device in devices for message in overview.quarantine(device=device, limit=_HINTS_MAX)]
    apart.sort(key=lambda message: message.received_at, reverse=True)
    return kept_apart(apart[:_HINTS_MAX])


def _order_by(known: ItemOverview, ahead: Outlook, *, lead_d: int, now: datetime) -> OrderBy:
    """A delivery must come before the stock ends, so each day is as much earlier as a delivery takes."""
    lead, forecast = timedelta(days=lead_d), known.forecast
    early, _, late = ahead.dates()
    can_say = forecast is not None and bool(forecast.days_to_empty)
    return OrderBy(
        first=max(now, early - lead),
        last=max(now, late - lead),
        lead_d=lead_d,
        is_late=early - lead < now,
        chance=chance_empty_by(forecast, now + lead) if forecast is not None and can_say else None,
        asked=known.decision.order_by if isinstance(known.decision, Propose) else None,
    )


def _stock_chart(known: ItemOverview, ahead: Outlook, moments: Moments, *, lead_d: int) -> charts.StockChart | None:
    if known.estimate is None:
        return None
    bands = [(ahead.early_d, ahead.late_d)]
    if known.forecast is not None and known.forecast.days_to_empty:
        forecast = known.forecast
        bands = [(days_at(forecast, share), days_at(forecast, 1 - share)) for share in _BANDS]
    return charts.stock_chart(
        replace(known.estimate, amount=likely(known)),
        ahead,
        bands=bands,
        lead_d=lead_d,
        room=full_amount(known.item),
        name=moments.day,
        day=moments.day_of,
    )


def _chances(known: ItemOverview) -> list[tuple[int, datetime]]:
    """The days by which it is empty, each with its chance in percent: what the chart shows, to read."""
    forecast = known.forecast
    if forecast is None or not forecast.days_to_empty or known.estimate is None or known.estimate.amount is None:
        return []
    return [(round(100 * share), forecast.as_of + timedelta(days=days_at(forecast, share))) for share in _CHANCES]


def _trouble(visit: Visit, told: Sequence[Price], *, merchant: str) -> PriceTrouble | None:
    """Why nothing can be bought at a price that is known now; None: it can."""
    parts, newest = visit.site.parts, told[0] if told else None
    if not merchant:
        return PriceTrouble("nobody")
    if newest is not None and not newest.available:
        return PriceTrouble("sold_out", newest.fetched_at)
    if newest is not None and parts.clock.now() - newest.fetched_at <= _OLD_PRICE:
        return None
    bridge = parts.overview.bridge()
    if not bridge.reachable:
        return PriceTrouble("away" if bridge.is_set_up else "none_set_up")
    if newest is not None:
        return PriceTrouble("old", newest.fetched_at)
    is_known = parts.merchants.merchant_class(merchant) is not None
    return PriceTrouble("no_price" if is_known else "no_merchant")


def _history(visit: Visit, known: ItemOverview) -> list[HistoryRow]:
    ident, parts = ItemId(known.item.id), visit.site.parts
    return history(
        known.item,
        said=parts.stock.said(ident, limit=ROWS_MAX),
        refills=known.estimate.refills if known.estimate else (),
        orders=[order for order in parts.overview.intents(limit=_ORDERS_MAX) if order.item == ident],
    )
