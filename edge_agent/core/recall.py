"""Goods that are called back: what a notice says, and which stock and orders of the home it may be about.

A batch or a date that nobody read is unknown, and unknown may be affected: that is said so, and nothing is left out for
it. A batch is compared without regard to capitals, as people type notices. Records and rules only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edge_agent.core import gs1
from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId
from edge_agent.core.stock_events import Label, Labelled

FORMAT = "restock-recalls"
TEXT_MAX, SOURCE_MAX, NOTICES_MAX = 1_000, 300, 200
BATCH_MAX = 20
_ORDERS_FOR = timedelta(days=365)
_CRUMB_PACKS = 0.02
_ID_DIGITS = 32
_NOTHING_CAME = frozenset(
    {
        IntentState.REJECTED,
        IntentState.CANCELLED,
        IntentState.EXPIRED,
        IntentState.RETURNED,
        IntentState.NEVER_ARRIVED,
    }
)

What = Literal["thrown_away", "sent_back", "not_affected"]


class Notice(BaseModel):
    """What somebody files. `batch` "": all batches; `until`: only what keeps until that day or less; None: all."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    gtin: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,14}$")]
    batch: Annotated[str, StringConstraints(strip_whitespace=True, max_length=BATCH_MAX)] = ""
    until: Annotated[date, Field(strict=False)] | None = None
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_MAX)]
    source: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=SOURCE_MAX)]


class Notices(BaseModel):
    """A file of them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    format: Literal["restock-recalls"]
    version: Literal[1]
    recalls: Annotated[tuple[Notice, ...], Field(min_length=1, max_length=NOTICES_MAX)]


@dataclass(frozen=True, slots=True)
class Recall:
    """A notice that was filed. `id` is the same for the same notice, so filing it twice is filing it once."""

    id: str
    gtin14: str
    batch: str
    until: date | None
    text: str
    source: str
    filed_by: str
    filed_at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about a recall with one item; what comes after that counts anew."""

    recall: str
    item: ItemId
    what: What
    by: str
    at: datetime


class Certainty(StrEnum):
    """How sure it is that this home is affected."""

    AFFECTED = "affected"
    MAY_BE = "may_be"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one item. `left_packs` None: nobody knows; `orders` are those of the product."""

    item: Item
    left_packs: float | None
    labels: Sequence[Labelled]
    orders: Sequence[IntentRecord]


@dataclass(frozen=True, slots=True)
class Match:
    """An item that a recall may be about. `packs` have a label that fits; `orders` may bring some."""

    recall: Recall
    item: Item
    certainty: Certainty
    packs: float
    orders: tuple[IntentId, ...]


def filed(notice: Notice, *, by: str, at: datetime) -> Recall:
    """A notice as it is kept.

    Raises: RefusedError when its number or batch cannot be one.
    """
    number, batch = gs1.gtin14(notice.gtin), gs1.batch_named(notice.batch)
    until = None if notice.until is None else notice.until.isoformat()
    said = [number, batch.casefold(), until, notice.text, notice.source]
    ident = hashlib.sha256(rfc8785.dumps(said)).hexdigest()[:_ID_DIGITS]
    return Recall(ident, number, batch, notice.until, notice.text, notice.source, by, at)


def is_about(recall: Recall, label: Label) -> bool | None:
    """Whether packs with this label are called back; None: the label does not tell."""
    if label.gtin14 != recall.gtin14:
        return False
    told: list[bool | None] = []
    if recall.batch:
        told.append(label.batch.casefold() == recall.batch.casefold() if label.batch else None)
    if recall.until is not None:
        dates = [day for day in (label.best_before, label.use_by) if day is not None]
        told.append(any(day <= recall.until for day in dates) if dates else None)
    if False in told:
        return False
    return None if None in told else True


def match(recall: Recall, known: Known, *, done: Done | None, now: datetime) -> Match | None:
    """Whether one item may be affected; None: it is not, or what there was of it is dealt with."""
    since = None if done is None else done.at
    labels = [
        told for told in known.labels if told.label.gtin14 == recall.gtin14 and (since is None or told.at > since)
    ]
    orders = [order for order in known.orders if _may_have_come(order, since=since, now=now)]
    fits = {fit: [told for told in labels if is_about(recall, told.label) is fit] for fit in (True, None, False)}
    others = sum(told.packs for told in fits[False])
    idents = tuple(order.id for order in orders)
    if fits[True]:
        return Match(recall, known.item, Certainty.AFFECTED, sum(told.packs for told in fits[True]), idents)
    holds_more = since is None and _is_bound(recall, known.item) and _exceeds(known.left_packs, others)
    ordered = sum(order.quantity for order in orders) > others
    if fits[None] or holds_more or ordered:
        return Match(recall, known.item, Certainty.MAY_BE, 0.0, idents)
    return None


def products_of(item: Item, gtin14: str) -> frozenset[tuple[str, str]]:
    """Merchant and article of an item's products with this number."""
    return frozenset((product.merchant, product.sku) for product in item.products if product.gtin14 == gtin14)


def newest_first(matches: Iterable[Match]) -> list[Match]:
    """Those that are certain first, then the newest."""
    return sorted(matches, key=lambda one: (one.certainty is not Certainty.AFFECTED, -one.recall.filed_at.timestamp()))


def _is_bound(recall: Recall, item: Item) -> bool:
    """Whether the stock is of this product, as far as nobody read another label."""
    return item.product.gtin14 == recall.gtin14


def _exceeds(left_packs: float | None, packs: float) -> bool:
    return left_packs is None or left_packs > packs + _CRUMB_PACKS


def _may_have_come(order: IntentRecord, *, since: datetime | None, now: datetime) -> bool:
    """A whole year back; after something was done, only what changed since."""
    is_new = since is None or order.changed_at > since
    return is_new and order.state not in _NOTHING_CAME and now - order.created_at <= _ORDERS_FOR
