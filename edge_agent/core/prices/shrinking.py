"""Whether a pack has become smaller while its price did not fall alike.

How much a pack holds is told by the household's own list and by the merchant's title. They are never set against each
other: each is compared with what it said itself before. A pack is the same one by merchant and article; by merchant
and GTIN, or title without the amount, where the larger one is not sold any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Literal

from edge_agent.core.messages import Price, Reason
from edge_agent.core.prices.measure import Content, content_of, half_up
from edge_agent.core.prices.net_content import net_content, without_content
from edge_agent.core.said import Said, Sum, say

SHRUNK = "pack_shrunk"
LOOKED_BACK = timedelta(days=180)
_NOTABLE = Fraction(99, 100)  # a pack that holds less than so much of what it held is a smaller one
_GONE_AFTER = timedelta(days=3)  # an article without a price for so long is not sold any more
# What prices are told for, and what less than one of it is written in; in the dimension's own unit.
_WRITTEN_IN = {
    "mass": (("kg", Fraction(1_000)), ("g", Fraction(1))),
    "volume": (("L", Fraction(1)), ("mL", Fraction(1, 1_000))),
    "length": (("m", Fraction(1)), ("mm", Fraction(1, 1_000))),
    "time": (("h", Fraction(3_600)), ("min", Fraction(60))),
}

Told = Literal["list", "title"]
Reading = Callable[[Price], Content | None]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A pack that held `before` and holds `after`; `at` is when the smaller one was first priced.

    `told` says who says so. Prices are for a pack, in minor units of `currency`.
    """

    merchant: str
    told: Told
    before: Content
    after: Content
    before_minor: int
    after_minor: int
    currency: str
    at: datetime


def shrunk(now: Price, history: Sequence[Price]) -> Shrunk | None:
    """The last time that the pack of this price became smaller and dearer by what it holds, if it still is.

    `history` may hold more than counts, in any order.
    """
    known = sorted(
        (price for price in (*history, now) if _counts(price, now)),
        key=lambda one: (one.fetched_at, one.sku, one.pack_minor),
    )
    sold_at = {price.sku: price.fetched_at for price in known}
    same = [price for price in known if _is_same(price, now, sold_at=sold_at[price.sku])]
    mine = [price for price in same if price.item == now.item]  # another item may take its packs for others
    return _step(now, mine, told="list", read=_by_list) or _step(now, same, told="title", read=_by_title)


def reason(step: Shrunk, *, title: str) -> Reason:
    """What happened to the product of this title, with what so much of it cost before and costs now."""
    return Reason(SHRUNK, _text(step, title=title))


def _step(now: Price, same: Sequence[Price], *, told: Told, read: Reading) -> Shrunk | None:
    """By one way to tell how much there is: the last larger pack, and the first one after it."""
    after = read(now)
    if after is None or not now.charges:
        return None
    packs = [(price, held) for price in same if (held := read(price)) and held.dimension == after.dimension]
    last = max((place for place, (_, held) in enumerate(packs) if after.amount < held.amount * _NOTABLE), default=None)
    if last is None or last + 1 >= len(packs):
        return None
    (larger, before), (smaller, then) = packs[last], packs[last + 1]
    was = before.price(larger.pack_minor)
    if was >= _NOTABLE * min(then.price(smaller.pack_minor), after.price(now.pack_minor)):
        return None
    return Shrunk(
        merchant=now.merchant,
        told=told,
        before=before,
        after=after,
        before_minor=larger.pack_minor,
        after_minor=now.pack_minor,
        currency=now.currency,
        at=smaller.fetched_at,
    )


def _counts(price: Price, now: Price) -> bool:
    is_near = now.fetched_at - LOOKED_BACK <= price.fetched_at <= now.fetched_at
    can_be_had = price.available and price.charges
    return is_near and can_be_had and (price.merchant, price.currency) == (now.merchant, now.currency)


def _is_same(price: Price, now: Price, *, sold_at: datetime) -> bool:
    """`sold_at` is when this article was last sold."""
    if price.sku == now.sku:
        return True
    if price.pack is None or now.pack is None or now.fetched_at - sold_at < _GONE_AFTER:
        return False  # both are sold: that is another size, and not a smaller pack
    gtins = {price.pack.gtin14, now.pack.gtin14}
    name = without_content(now.pack.title)
    return (len(gtins) == 1 and None not in gtins) or (bool(name) and name == without_content(price.pack.title))


def _by_list(price: Price) -> Content | None:
    return content_of(price.pack)


def _by_title(price: Price) -> Content | None:
    return None if price.pack is None else net_content(price.pack.title)


def _text(step: Shrunk, *, title: str) -> Said:
    (unit, number), _ = _written_in(step.after.dimension)
    parts: dict[str, Said | Sum | str] = {
        "product": title,
        "merchant": step.merchant,
        "before": _amount(step.before),
        "after": _amount(step.after),
        "unit": unit,
        "was": Sum(half_up(step.before.price(step.before_minor) * number), step.currency),
        "now": Sum(half_up(step.after.price(step.after_minor) * number), step.currency),
    }
    if step.told == "title":
        return say(
            "The pack has become smaller: {merchant} wrote {before} and now writes {after} for {product}. "
            "Per {unit} it was {was} and is {now}.",
            **parts,
        )
    return say(
        "The pack has become smaller: your list said {before} and now says {after} for {product} from {merchant}. "
        "Per {unit} it was {was} and is {now}.",
        **parts,
    )


def _written_in(dimension: str) -> tuple[tuple[str, Fraction], tuple[str, Fraction]]:
    one = (dimension.strip("{}"), Fraction(1))
    return _WRITTEN_IN.get(dimension, (one, one))


def _amount(held: Content) -> Said:
    """`1 kg`, `750 g`, `1.5 L`, `30 pad`."""
    large, small = _written_in(held.dimension)
    unit, size = large if held.amount >= large[1] else small
    number = f"{float(held.amount / size):.3f}".rstrip("0").rstrip(".")
    return say("{number} {unit}", number=number, unit=unit)
