"""The rules that every protocol of checkout sessions shares, whatever its documents look like (UCP, ACP).

The parts must make the total, or nothing is paid. A refusal is believed where the merchant must have read the request
and said no to it. What a request to order came to is one thing clearly, or unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Outcome, Placed, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantFailingError, MerchantRefusedError
from cloud_bridge.merchants.documents import Amount, Document, Key
from cloud_bridge.merchants.http import Answer

OK = frozenset({200, 201})
# A conflict is not among them, unless it says that nothing is left: a key that was used for something else means look
# up, and never another key.
REFUSALS = frozenset({400, 401, 402, 403, 405, 406, 410, 415})
CONFLICTS = frozenset({409, 422})

_FOR_A_BUYER = frozenset({"requires_buyer_input", "requires_buyer_review"})

_DETAIL_OF_CODE = {
    "out_of_stock": Detail.OUT_OF_STOCK,
    "low_stock": Detail.OUT_OF_STOCK,
    "quantity_exceeded": Detail.OUT_OF_STOCK,
    "item_unavailable": Detail.ITEM_UNAVAILABLE,
    "invalid_item_id": Detail.ITEM_UNAVAILABLE,
    "address_undeliverable": Detail.ADDRESS_UNDELIVERABLE,
    "region_restricted": Detail.ADDRESS_UNDELIVERABLE,
    "payment_failed": Detail.PAYMENT_FAILED,
    "payment_declined": Detail.PAYMENT_FAILED,
    "requires_3ds": Detail.PAYMENT_FAILED,
    "insufficient_funds": Detail.PAYMENT_FAILED,
    "fraud_detected": Detail.PAYMENT_FAILED,
    "unknown_token": Detail.PAYMENT_FAILED,
    "checkout_not_modifiable": Detail.SESSION_CLOSED,
    "expired": Detail.SESSION_CLOSED,
}


class Total(Document):
    """One part of a sum."""

    type: Key
    amount: Amount


class Message(Document):
    """A word of the merchant about a session. Who can do something about it: UCP's `severity`, ACP's `resolution`."""

    type: Key
    code: str = ""
    severity: str = ""
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """How kinds of parts make a total: these are added, those taken away, and some are only told beside it."""

    added: frozenset[str]
    taken_away: frozenset[str]
    beside: frozenset[str] = frozenset()


def sum_of(totals: Sequence[Total], parts: Parts) -> int:
    """The total, after checking that the parts make it. Minor units.

    Raises: MerchantRefusedError when they do not, or a part is of a kind that we do not know.
    """
    sums: Counter[str] = Counter()
    for total in totals:
        sums[total.type] += abs(total.amount) if total.type in parts.taken_away else total.amount
    unknown = set(sums) - parts.added - parts.taken_away - parts.beside - {"total"}
    made = sum(sums[kind] for kind in parts.added) - sum(sums[kind] for kind in parts.taken_away)
    once = sum(total.type == "total" for total in totals) == 1
    if unknown or not once or made != sums["total"] or sums["total"] < 0:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the totals of the session do not add up")
    return sums["total"]


def amount_of(totals: Sequence[Total], *kinds: str) -> int:
    """The sum of all parts of these kinds, without their sign. Minor units."""
    return sum(abs(total.amount) for total in totals if total.type in kinds)


def price_of(totals: Sequence[Total]) -> int:
    """What a way of delivery costs: its total, or the sum of its parts where it has none. Minor units."""
    given = [total.amount for total in totals if total.type == "total"]
    return given[0] if given else sum(total.amount for total in totals)


@dataclass(frozen=True, slots=True)
class Goods:
    """What a session is for, as `outcome.Placed` tells it: None where it names nothing, no sku where it is several."""

    sku: str | None
    quantity: int | None


def goods(lines: Iterable[tuple[str, int]]) -> Goods:
    """What lines of a sku and a number each come to."""
    told = list(lines)
    skus = {sku for sku, _ in told}
    if len(skus) > 1:
        return Goods("", None)
    return Goods(next(iter(skus), None), sum(quantity for _, quantity in told) if told else None)


@dataclass(frozen=True, slots=True)
class Sum:
    """What a session comes to, in minor units: goods before discounts, what goes off, and the total of it all.

    `off_goods_minor` is what of that goes off these goods themselves, and not off the whole.
    """

    goods_minor: int
    off_minor: int
    total_minor: int
    currency: str
    off_goods_minor: int = 0

    def list_price_minor(self, quantity: int) -> int | None:
        """What a pack costs otherwise, where something goes off the goods; None where it is not whole."""
        each_minor, rest = divmod(self.goods_minor, quantity)
        return each_minor if self.off_goods_minor > 0 and rest == 0 else None


def quoted(wanted: Wanted, price: Sum, *, session_id: str, title: str) -> Quote:
    """A quote of exactly what was wanted. Discounts go off the goods, so no part is below zero."""
    off_goods = max(0, min(price.goods_minor - price.off_minor, price.total_minor))
    unit_price_minor = off_goods // wanted.quantity
    return Quote(
        session_id=session_id,
        sku=wanted.sku,
        title=title or wanted.sku,
        quantity=wanted.quantity,
        unit_price_minor=unit_price_minor,
        delivery_minor=price.total_minor - unit_price_minor * wanted.quantity,
        total_minor=price.total_minor,
        currency=price.currency,
        list_price_minor=price.list_price_minor(wanted.quantity),
    )


def detail_of(code: str) -> Detail:
    """A merchant's code in our words."""
    return _DETAIL_OF_CODE.get(code.lower(), Detail.MERCHANT_REFUSED)


def complaint(messages: Sequence[Message] | None) -> Detail | None:
    """What the messages say is wrong, if anything."""
    errors = [message.code for message in messages or () if message.type == "error"]
    return detail_of(errors[0]) if errors else None


def wants_buyer(messages: Sequence[Message] | None) -> bool:
    """Whether the messages say that a person can go on where we cannot."""
    errors = [message for message in messages or () if message.type == "error"]
    return any({message.severity, message.resolution} & _FOR_A_BUYER for message in errors)


def away(answer: Answer, what: str) -> MerchantAwayError:
    """An answer that does nothing for us, with the pause that the merchant asks for."""
    kind = MerchantFailingError if answer.status == 500 else MerchantAwayError
    return kind(f"{what}: status {answer.status}", retry_after_s=answer.retry_after_s)


def refused(status: int, reason: Detail, *, refusals: frozenset[int] = REFUSALS) -> Outcome:
    """What an error answer to a request to order comes to."""
    sold_out = status in CONFLICTS and reason is Detail.OUT_OF_STOCK
    return Rejected(reason) if status in refusals or sold_out else Unknown(Detail.NO_ANSWER)


def completed(found: Lookup, reason: Detail | None) -> Outcome:
    """What the session in the answer to a request to order comes to; `reason` is what its messages complain of."""
    if isinstance(found, Placed | NeedsBuyer):
        return found
    if found is Standing.BUSY:
        return Unknown(Detail.IN_PROGRESS)
    return Unknown(Detail.NO_ANSWER) if reason is None or found is Standing.ORDERED else Rejected(reason)
