"""One item: what is left, when it runs out, why the hub does what it does, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from edge_agent.core.messages import DeviceId, ItemId, Propose
from edge_agent.core.overview import ItemOverview
from edge_agent.web import charts
from edge_agent.web.moments import Moments, days_range
from edge_agent.web.outlook import Outlook, outlook
from edge_agent.web.pages.devices import KeptApartRow, kept_apart
from edge_agent.web.pages.home import stock_bar
from edge_agent.web.visit import Visit
from edge_agent.web.wording import MODES

_HINTS_MAX = 3
_PRICES_MAX = 20


async def show(visit: Visit) -> Response:
    """Everything about one item."""
    return page(visit)


def page(visit: Visit, *, errors: Mapping[str, str] | None = None) -> Response:
    """The page, with what was wrong in its form."""
    overview, moments = visit.site.parts.overview, visit.site.moments
    known = overview.item(ItemId(visit.path_id("item")))
    if known is None:
        raise HTTPException(404)
    ahead = outlook(known)
    bound = (known.item.product.merchant, known.item.product.sku)
    told = [price for price in known.prices if (price.merchant, price.sku) == bound]
    prices = [price for price in told if price.available][:_PRICES_MAX]
    return visit.page(
        "item.html",
        status=422 if errors else 200,
        known=known,
        item=known.item,
        mode=MODES[known.item.mode],
        bar=stock_bar(known),
        lasts=days_range(*ahead.left_d(moments.now())) if ahead else None,
        run_out=ahead.dates() if ahead else None,
        fan=_fan(known, ahead, moments) if ahead else None,
        use_chart=_use_chart(known),
        use_days=known.estimate.daily_use[-charts.USE_DAYS_MAX :] if known.estimate else (),
        prices=prices,
        sold_out=bool(told) and not told[0].available,
        price_chart=charts.price_line([p.unit_price_minor for p in reversed(prices)]) if len(prices) > 1 else None,
        hints=_hints(visit, known),
        advice=visit.site.parts.decisions.advice(ItemId(known.item.id)),
        shadow=visit.site.parts.decisions.shadow(ItemId(known.item.id)) if known.item.mode == "shadow" else None,
        errors=errors or {},
        refresh=not errors,
    )


def _hints(visit: Visit, known: ItemOverview) -> list[KeptApartRow]:
    """The newest messages of its sensors that were kept apart."""
    overview = visit.site.parts.overview
    devices = dict.fromkeys(DeviceId(bound.device) for bound in known.item.bindings)
    apart = [message for device in devices for message in overview.quarantine(device=device, limit=_HINTS_MAX)]
    apart.sort(key=lambda message: message.received_at, reverse=True)
    return kept_apart(apart[:_HINTS_MAX])


def _fan(known: ItemOverview, ahead: Outlook, moments: Moments) -> Markup | None:
    """None where there is no amount to start from, or it lasts longer than an axis of days can show."""
    amount = known.estimate.amount if known.estimate else None
    if amount is None or amount.value <= 0:
        return None
    names = [moments.day(ahead.as_of + timedelta(days=day)) for day in range(charts.fan_days(ahead) + 1)]
    marks = []
    if isinstance(known.decision, Propose):
        marks.append(charts.Mark(known.decision.order_by, "order by"))
    return charts.run_out_fan(amount, ahead, marks=marks, day_name=names)


def _use_chart(known: ItemOverview) -> Markup | None:
    if known.estimate is None or not known.estimate.daily_use:
        return None
    return charts.use_bars(known.estimate.daily_use, unit=known.item.unit)
