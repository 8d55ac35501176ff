"""Whether a price is a fair one: beside its own past, beside other merchants', beside what the shop calls its price.

Only what was really asked is compared, per measure, so that packs of any size stand beside each other. Too little of it
is no verdict, which is not the same as "usual". One day counts once, however often its price was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from edge_agent.core.messages import Price
from edge_agent.core.prices.measure import Content, content_of, half_up, percent

HISTORY = timedelta(weeks=12)
CLAIM_DAYS = 30
DAYS_MIN = 7  # with a price on so many days one knows what is usual; with fewer one does not
_FRESH = timedelta(days=3)  # as long an offer stands
_NOISE = Fraction(2, 100)  # a price may move by so much around what is usual without a word


class Level(StrEnum):
    """A price beside what is usual for it."""

    USUAL = "usual"
    DEARER = "dearer"
    CHEAPER = "cheaper"


@dataclass(frozen=True, slots=True)
class Own:
    """A price beside its own past on `days` days. Amounts are what a pack of the size that is asked about would cost.

    `percent` is how far it is above or below the median, without a sign. Between `low_minor` and `high_minor` it is
    usual: half of all days lay there, and what is nearer to it than two in a hundred.
    """

    level: Level
    percent: int
    days: int
    median_minor: int
    low_minor: int
    high_minor: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The best price of others for the same need, per measure and without delivery.

    `percent` is how much cheaper it is than the price that is asked, below zero where it is dearer. `pack_minor` is
    for their own pack. `is_same`: it is the same article by its GTIN, and not one that the household accepts instead.
    """

    merchant: str
    sku: str
    pack_minor: int
    percent: int
    is_same: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A price that the merchant calls reduced, beside what it asked on the last `days` days that are known.

    `asked_days`: on so many it asked the price that it calls the usual one, or more; `not_dearer_days`: on so many it
    asked what it asks now, or less. `most_minor` is the most it asked, for a pack of this size.
    """

    was_minor: int
    days: int
    asked_days: int
    not_dearer_days: int
    most_minor: int


@dataclass(frozen=True, slots=True)
class Fair:
    """All three; None where there is nothing to say, or too little is known to say it."""

    own: Own | None = None
    elsewhere: Elsewhere | None = None
    claim: Claim | None = None


def fair(asked: Price, history: Iterable[Price], *, others: Iterable[Price] = ()) -> Fair:
    """The verdict on a price, by what was asked for its product on earlier days, and for `others` just now.

    `others` are prices of what would do as well; both may come in any order and hold more than counts. What is of
    another currency, not to be had, or of a pack that is not known or not in the same dimension is not compared.
    """
    size = content_of(asked.pack)
    if size is None or not asked.charges:
        return Fair()
    days = _days(history, asked, size=size)
    return Fair(
        own=_own(asked, days, size=size),
        elsewhere=_elsewhere(asked, others, size=size),
        claim=_claim(asked, days, size=size),
    )


def _is_like(price: Price, asked: Price, *, size: Content) -> bool:
    held = content_of(price.pack)
    return (
        price.available
        and price.charges
        and price.currency == asked.currency
        and held is not None
        and held.dimension == size.dimension
    )


def _days(history: Iterable[Price], asked: Price, *, size: Content) -> dict[date, Fraction]:
    """What its merchant asked for it on each earlier day, per measure: the last of the day, and the lowest of those."""
    today = asked.fetched_at.date()
    told = sorted(
        (price.fetched_at, -_per_measure(price))
        for price in history
        if (price.merchant, price.sku) == (asked.merchant, asked.sku) and _is_like(price, asked, size=size)
    )
    return {at.date(): -price for at, price in told if today - HISTORY <= at.date() < today}


def _own(asked: Price, days: dict[date, Fraction], *, size: Content) -> Own | None:
    if len(days) < DAYS_MIN:
        return None
    told = sorted(days.values())
    low, middle, high = (_quantile(told, Fraction(quarters, 4)) for quarters in (1, 2, 3))
    if middle <= 0:
        return None
    low, high, now = min(low, middle - _NOISE * middle), max(high, middle + _NOISE * middle), _per_measure(asked)
    level = Level.DEARER if now > high else Level.CHEAPER if now < low else Level.USUAL
    return Own(
        level=level,
        percent=abs(percent(now - middle, of=middle)),
        days=len(days),
        median_minor=half_up(middle * size.amount),
        low_minor=half_up(low * size.amount),
        high_minor=half_up(high * size.amount),
    )


def _quantile(told: Sequence[Fraction], share: Fraction) -> Fraction:
    """Of sorted numbers, between the two that are nearest; exact."""
    place = share * (len(told) - 1)
    below = place.numerator // place.denominator
    above = min(below + 1, len(told) - 1)
    return told[below] + (place - below) * (told[above] - told[below])


def _elsewhere(asked: Price, others: Iterable[Price], *, size: Content) -> Elsewhere | None:
    """The cheapest of the newest prices of other merchants, the same article before another one."""
    newest: dict[tuple[str, str], Price] = {}
    for price in sorted((one for one in others if one.charges), key=_by_time):
        if price.merchant != asked.merchant and abs(asked.fetched_at - price.fetched_at) <= _FRESH:
            newest[price.merchant, price.sku] = price
    on_offer = [price for price in newest.values() if _is_like(price, asked, size=size)]
    now = _per_measure(asked)
    if not on_offer or now <= 0:
        return None
    best = min(on_offer, key=lambda one: (_per_measure(one), not _is_same(one, asked), one.merchant, one.sku))
    return Elsewhere(
        merchant=best.merchant,
        sku=best.sku,
        pack_minor=best.pack_minor,
        percent=percent(now - _per_measure(best), of=now),
        is_same=_is_same(best, asked),
    )


def _claim(asked: Price, days: dict[date, Fraction], *, size: Content) -> Claim | None:
    was_minor, today = asked.list_price_minor, asked.fetched_at.date()
    lately = [price for day, price in days.items() if (today - day).days <= CLAIM_DAYS]
    if was_minor is None or was_minor <= asked.pack_minor or len(lately) < DAYS_MIN:
        return None
    was, now = size.price(was_minor), _per_measure(asked)
    return Claim(
        was_minor=was_minor,
        days=len(lately),
        asked_days=sum(price >= was for price in lately),
        not_dearer_days=sum(price <= now for price in lately),
        most_minor=half_up(max(lately) * size.amount),
    )


def _is_same(one: Price, other: Price) -> bool:
    gtins = {price.pack.gtin14 for price in (one, other) if price.pack is not None}
    return len(gtins) == 1 and None not in gtins


def _by_time(price: Price) -> tuple[object, ...]:
    return price.fetched_at, price.merchant, price.sku, -_per_measure(price)


def _per_measure(price: Price) -> Fraction:
    """Of a price that `_is_like` another one, so that its pack is known."""
    held = content_of(price.pack)
    return Fraction(price.pack_minor) if held is None else held.price(price.pack_minor)
