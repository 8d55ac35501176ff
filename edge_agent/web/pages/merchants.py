"""Merchants: who they are, what was ordered from them, and how they keep their word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from starlette.responses import Response

from edge_agent.core.choosing.dealing import Charge
from edge_agent.core.choosing.ranking import AS_AGREED
from edge_agent.core.choosing.scorecard import SCORED_FROM, Scorecard, Share
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.situation import LEAD_SURELY
from edge_agent.core.prices.measure import exact, half_up
from edge_agent.core.said import Said, say
from edge_agent.web.merchants.chart import ArrivalChart, ArrivalRow, arrival_chart, arrival_rows
from edge_agent.web.merchants.views import MerchantView, merchant_views
from edge_agent.web.moments import Moments, count
from edge_agent.web.visit import Visit
from edge_agent.web.wording import MERCHANT_CLASSES

_CHARGES: Mapping[Charge, Callable[[int], Said]] = {
    Charge.EQUAL: lambda number: say("{number} as agreed", number=number),
    Charge.LOWER: lambda number: say("{number} for less", number=number),
    Charge.HIGHER: lambda number: say("{number} for more, within your limit", number=number),
    Charge.ABOVE_LIMIT: lambda number: say("{number} above your limit", number=number),
    Charge.REFUSED: lambda number: say("{number} not ordered, because the offer had changed", number=number),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what is counted, how many, and what that says."""

    name: Said
    counts: Said
    told: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class MerchantRow:
    """One merchant with its words."""

    view: MerchantView
    meaning: str
    lines: tuple[Line, ...]
    beside: tuple[Said, ...]
    counts_as: tuple[Said, ...]
    arrivals: tuple[ArrivalRow, ...]
    chart: ArrivalChart | None


async def show(visit: Visit) -> Response:
    """Every merchant."""
    moments = visit.site.moments
    rows = [_row(view, moments) for view in merchant_views(visit.site.parts, moments)]
    return visit.page("merchants.html", merchants=rows, scored_from=SCORED_FROM)


def _row(view: MerchantView, moments: Moments) -> MerchantRow:
    rows = arrival_rows(view.dealings, moments)
    return MerchantRow(
        view=view,
        meaning=MERCHANT_CLASSES[view.merchant_class or ""],
        lines=tuple(_lines(view)),
        beside=tuple(_beside(view.card)),
        counts_as=tuple(_counts_as(view.card)),
        arrivals=tuple(rows),
        chart=arrival_chart(rows, name=moments.day),
    )


def _lines(view: MerchantView) -> Iterator[Line]:
    card = view.card
    yield Line(say("Here by the day agreed to"), _counts(card.on_time), (_share(card.on_time),))
    if card.late_median_d is not None and card.late_worst_d is not None:
        yield Line(say("Days late, of those that were late"), count(len(card.days_late), "order"), tuple(_late(card)))
    yield Line(say("Complete, and what was ordered"), _counts(card.whole), (_share(card.whole),))
    charges = (said(card.charges[kind]) for kind, said in _CHARGES.items() if kind in card.charges)
    yield Line(say("At the price agreed to, or less"), _counts(card.price_held), (_share(card.price_held), *charges))
    if view.lead.orders:
        yield _took(view.lead)


def _counts(share: Share) -> Said:
    if not share.known:
        return say("not known")
    return say("{kept} of {known}", kept=share.kept, known=share.known)


def _share(share: Share) -> Said:
    if share.value is None or share.interval is None:
        return say("no order tells yet") if not share.known else say("too few to say more")
    low, high = share.interval
    return say(
        "{percent} %; of so few, likely between {low} % and {high} %",
        percent=_percent(share.value),
        low=_percent(low),
        high=_percent(high),
    )


def _late(card: Scorecard) -> Iterator[Said]:
    middle, worst = (count(half_up(exact(days or 0)), "day") for days in (card.late_median_d, card.late_worst_d))
    if len(card.days_late) == 1:
        yield say("by {days}", days=worst)
    else:
        yield say("{middle} in the middle, {worst} at the most", middle=middle, worst=worst)
    if card.overdue:
        yield say("not here yet: {orders}", orders=count(card.overdue, "order"))


def _took(lead: LeadTime) -> Line:
    within = count(ceil(lead.within(LEAD_SURELY)), "day")
    return Line(
        say("From your yes until it is here"),
        say("about {days}", days=count(max(0, half_up(exact(lead.mean_d))), "day")),
        (say("four in five within {days}", days=within),),
    )


def _beside(card: Scorecard) -> Iterator[Said]:
    """What is counted apart, where there is any."""
    if card.under_way:
        yield say("Under way: {number}.", number=card.under_way)
    if card.substituted:
        yield say("Something else was sent: {number}.", number=card.substituted)
    if card.sold_out:
        yield say("Sold out after all: {number}.", number=card.sold_out)
    if card.cancelled:
        yield say("Called off by the merchant: {number}.", number=card.cancelled)
    if card.never_arrived:
        yield say("Never arrived: {number}.", number=card.never_arrived)
    if card.returned:
        yield say("Went back: {number}.", number=card.returned)
    if card.refunded:
        yield say("Money paid back: {number}.", number=card.refunded)


def _counts_as(card: Scorecard) -> Iterator[Said]:
    """How it counts where the best offer is chosen."""
    if card.kept.known:
        percent = _percent(card.kept.expected)
        yield say("About {percent} % of its orders are taken to come as agreed.", percent=percent)
    more = f"{float(100 * (card.charged - AS_AGREED)):+.1f}"
    if float(more) > 0:
        yield say("Its prices count {percent} % more: that is what it charged.", percent=more[1:])
    if float(more) < 0:
        yield say("Its prices count {percent} % less: that is what it charged.", percent=more[1:])


def _percent(share: float) -> int:
    return half_up(100 * exact(share))
