"""A verdict on a price, in words for the household."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.core.messages import Reason
from edge_agent.core.prices.fair import DAYS_MIN, Claim, Elsewhere, Fair, Level, Own
from edge_agent.core.said import Sum, say

UNKNOWN = "price_unknown"


def sentences(found: Fair, *, currency: str, titles: Mapping[tuple[str, str], str]) -> tuple[Reason, ...]:
    """What is said of a price in `currency`; `titles` are those of products by merchant and article."""
    said = [_unknown() if found.own is None else _own(found.own, currency=currency)]
    if found.elsewhere is not None and found.elsewhere.percent != 0:
        name = (found.elsewhere.merchant, found.elsewhere.sku)
        said.append(_elsewhere(found.elsewhere, currency=currency, title=titles.get(name, name[1])))
    if found.claim is not None:
        said.append(_claim(found.claim, currency=currency))
    return tuple(said)


def _unknown() -> Reason:
    text = say("Whether this is its usual price is not known: earlier prices are known of less than {days} days.",
               days=DAYS_MIN)  # fmt: skip
    return Reason(UNKNOWN, text)


def _own(own: Own, *, currency: str) -> Reason:
    middle = Sum(own.median_minor, currency)
    match own.level:
        case Level.USUAL:
            text = say(
                "A usual price: what is usual is {sum}, by the prices of {days} days.", days=own.days, sum=middle
            )
        case Level.DEARER:
            text = say(
                "{percent} % dearer than usual: what is usual is {sum}, by the prices of {days} days.",
                percent=own.percent,
                days=own.days,
                sum=middle,
            )
        case Level.CHEAPER:
            text = say(
                "{percent} % cheaper than usual: what is usual is {sum}, by the prices of {days} days.",
                percent=own.percent,
                days=own.days,
                sum=middle,
            )
    return Reason(f"price_{own.level}", text)


def _elsewhere(found: Elsewhere, *, currency: str, title: str) -> Reason:
    if found.percent < 0:
        text = say("Elsewhere as much costs at least {percent} % more, delivery not counted.", percent=-found.percent)
        return Reason("price_best", text)
    asked = Sum(found.pack_minor, currency)
    if found.is_same:
        text = say(
            "{merchant} asks {percent} % less for the same article, delivery not counted: {sum} a pack.",
            merchant=found.merchant,
            percent=found.percent,
            sum=asked,
        )
    else:
        text = say(
            "At {merchant} as much costs {percent} % less, delivery not counted: {product}, {sum} a pack.",
            merchant=found.merchant,
            percent=found.percent,
            product=title,
            sum=asked,
        )
    return Reason("price_elsewhere", text)


def _claim(claim: Claim, *, currency: str) -> Reason:
    was = Sum(claim.was_minor, currency)
    if claim.asked_days:
        text = say(
            "The shop calls it reduced from {was}: it asked that or more on {asked} of the last {days} days that are "
            "known, and what it asks now or less on {same}.",
            was=was,
            asked=claim.asked_days,
            days=claim.days,
            same=claim.not_dearer_days,
        )
        return Reason("price_reduced", text)
    if claim.not_dearer_days:
        text = say(
            "The shop calls it reduced from {was}, but it asked the same as now or less on {same} of the last {days} "
            "days that are known, and {was} on none of them.",
            was=was,
            same=claim.not_dearer_days,
            days=claim.days,
        )
    else:
        text = say(
            "The shop calls it reduced from {was}, but it asked that on none of the last {days} days that are known: "
            "the most was {most}.",
            was=was,
            days=claim.days,
            most=Sum(claim.most_minor, currency),
        )
    return Reason("price_never_asked", text)
